/** One helper process that asks libwrap, as its worker sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { type Answer, HELPER_ENVIRONMENT, type Question } from './libwrap-main.ts';

/** What became of a question; unanswered: not in time, lost: the helper ended over it. */
export type Outcome = Answer | 'unanswered' | 'lost';

export class LibwrapHelper {
  readonly #process: ChildProcess;
  #answered: ((outcome: Outcome) => void) | undefined;
  #isUseful = false;

  /** Forks this program once more. @param onExit hears of its end, and whether it ever answered */
  constructor(onExit: (isUseful: boolean) => void) {
    this.#process = fork(process.argv[1] ?? '', process.argv.slice(2), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...HELPER_ENVIRONMENT },
    });
    this.#process.on('message', (answer) => {
      this.#isUseful = true;
      this.#answered?.(answer as Answer);
    });
    const ended = (): void => {
      this.#answered?.('lost');
      onExit(this.#isUseful);
    };
    this.#process.once('exit', ended);
    // Where the system could not fork, nothing ends.
    this.#process.on('error', () => {
      if (this.#process.pid === undefined) ended();
    });
    // It lives and dies with its worker.
    this.#process.unref();
    this.#process.channel?.unref();
  }

  /**
   * To be asked one question at a time. Never rejects.
   * @param limitMs after so long without an answer it is killed
   */
  ask(question: Question, limitMs: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        settle('unanswered');
        this.#process.kill('SIGKILL');
      }, limitMs);
      const settle = (outcome: Outcome): void => {
        clearTimeout(timer);
        this.#answered = undefined;
        resolve(outcome);
      };
      this.#answered = settle;
      const { client, server } = question;
      // One that is just dying is heard of by its end.
      if (this.#process.connected) this.#process.send({ client, server }, () => undefined);
    });
  }
}
