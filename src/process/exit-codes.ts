/** The exit codes of the programs. */

export const EXIT_OK = 0;
/** Anything that kept the program from its work; systemd must not restart on it. */
export const EXIT_FAILURE = 1;
/** --status: nobody could be asked how the server is. */
export const EXIT_NO_ANSWER = 2;
