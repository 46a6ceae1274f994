/** The exit codes of the programs. */

export const EXIT_OK = 0;
/** Anything that kept the program from its work; systemd must not restart on it. */
export const EXIT_FAILURE = 1;
