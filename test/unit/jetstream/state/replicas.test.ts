/** Which replicas are there, and whether they are enough. */
import { expect, test } from 'vitest';
import { quorumOf, replicasOf } from '../../../../src/jetstream/state/replicas.ts';

const SECOND = 1e9;

/** Followers n2, n3, ..., heard of so many seconds ago. */
function cluster(...heardOf: readonly number[]): Parameters<typeof replicasOf>[0] {
  const replicas = heardOf.map((seconds, index) => ({
    name: `n${String(index + 2)}`,
    current: true,
    active: seconds * SECOND,
  }));
  return { leader: 'n1', replicas };
}

function quorum(...heardOf: readonly number[]): string {
  const { isThere, spare } = quorumOf(replicasOf(cluster(...heardOf), 'n9'));
  return `${String(isThere)} ${String(spare)}`;
}

test('a server that is no cluster leads alone, and none may fail', () => {
  const replicas = replicasOf(undefined, 'n1');
  expect(replicas).toEqual([{ name: 'n1', state: 'leader', lag: 0, silentMs: 0 }]);
  expect(quorumOf(replicas)).toEqual({ isThere: true, spare: 0 });
});

test('a follower is silent seconds before the leader says so; one that is behind still counts', () => {
  const replicas = replicasOf(
    {
      leader: 'n1',
      replicas: [
        { name: 'n2', current: true, active: 6 * SECOND },
        { name: 'n3', current: false, active: SECOND / 2, lag: 12 },
        { name: 'n4', current: true, offline: true },
      ],
    },
    'n1',
  );
  expect(replicas.map(({ name, state, lag, silentMs }) => [name, state, lag, silentMs])).toEqual([
    ['n1', 'leader', 0, 0],
    ['n2', 'silent', 0, 6000],
    ['n3', 'behind', 12, 0],
    ['n4', 'silent', 0, 0],
  ]);
});

test('a majority is enough, and says how many more may fail', () => {
  expect(quorum(0.5, 0.5)).toBe('true 1');
  expect(quorum(60, 0.5)).toBe('true 0');
  expect(quorum(60, 60)).toBe('false 0');
  expect(quorum(0.5, 0.5, 60, 0.5)).toBe('true 1');
  expect(quorum(60)).toBe('false 0');
});

test('without a leader there is no quorum, however many are there', () => {
  const replicas = replicasOf({ replicas: [{ name: 'n1', current: true, active: 0 }] }, 'n1');
  expect(replicas.map(({ state }) => state)).toEqual(['current']);
  expect(quorumOf(replicas).isThere).toBe(false);
});

test('the server that answers is not silent, though without a leader it lists itself among the others', () => {
  const replicas = ['n1', 'n2', 'n3'].map((name) => ({ name, current: false, active: 60 * SECOND }));
  const states = replicasOf({ replicas }, 'n1').map(({ name, state }) => [name, state]);
  expect(states).toEqual([
    ['n1', 'behind'],
    ['n2', 'silent'],
    ['n3', 'silent'],
  ]);
});

test('names of servers are printable', () => {
  expect(replicasOf({ leader: 'n\u001b[1m' }, '')[0]?.name).not.toContain('\u001b');
});
