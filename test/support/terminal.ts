/** A terminal with somebody at it, by Python's pty module. */

/**
 * A Python program: gives a command (the second argument on) a controlling terminal, types the first argument at its
 * prompt for a passphrase, and copies what the terminal shows. Its first line is `pid N`, the command's.
 */
export const TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
print('pid', pid, flush=True)
seen = b''
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    if b'Passphrase' not in seen and b'Passphrase' in seen + chunk:
        os.write(terminal, sys.argv[1].encode() + b'\\r')
    seen += chunk
    os.write(1, chunk)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
