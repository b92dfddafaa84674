/** Restarts: which trainings are run, which one is kept, and what happens to the others. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { engine } from '../../../src/index.ts';
import { type RestartOptions, trainWithRestarts } from '../../../src/runtime/training/restarts.ts';
import { train } from '../../../src/runtime/training/train.ts';
import { score, TOY_OPTIONS, toyData, toyNetwork } from '../fixtures/toy-network.ts';

/** Sessions that are open. */
const sessions = vi.hoisted(() => ({ open: 0 }));
vi.mock('../../../src/runtime/session.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../src/runtime/session.ts')>();
  const openSession: typeof original.openSession = async (model, options) => {
    const session = await original.openSession(model, options);
    sessions.open += 1;
    return {
      ...session,
      dispose() {
        sessions.open -= 1;
        return session.dispose();
      },
    };
  };
  return { ...original, openSession };
});
afterEach(() => expect(sessions.open).toBe(0));

const data = toyData(50, 1);
const valid = toyData(30, 2);
const network = toyNetwork({ dropout: 0.2 });
const OPTIONS: RestartOptions = { ...TOY_OPTIONS, restarts: 3, score: (evaluate) => score(evaluate, valid) };

it('keep the training with the best score, and list every one', async () => {
  const best = await trainWithRestarts(network, data, OPTIONS);
  const alone = [];
  for (const seed of ['1:0', '1:1', '1:2']) alone.push(await train(network, data, { ...OPTIONS, seed }));
  expect(best.restarts).toEqual(alone.map(({ bestScore, bestEpoch }, i) => ({ seed: `1:${i}`, bestScore, bestEpoch })));
  const scores = alone.map(({ bestScore }) => bestScore);
  expect(new Set(scores).size).toBe(3);
  expect(best.kept).toBe(scores.indexOf(Math.max(...scores)));
  expect(best.state).toEqual(alone[best.kept].state);
  expect(await score(best.evaluate, valid)).toBe(best.bestScore);
  for (const one of [best, ...alone]) await one.dispose();
});

it.each([
  [[1, 3, 2], 1],
  [[3, 1, 2], 0],
  [[1, 2, 3], 2],
  [[2, 2, 1], 0],
])('of scores %o keep number %d', async (scores, kept) => {
  let restart = 0;
  const scripted = async () => scores[restart++];
  const trained = await trainWithRestarts(network, data, { ...OPTIONS, epochs: 1, score: scripted });
  expect(trained.kept).toBe(kept);
  expect(trained.restarts.map(({ bestScore }) => bestScore)).toEqual(scores);
  await trained.dispose();
});

it('tell their progress as one run', async () => {
  const told: [number, string][] = [];
  const progress = (fraction: number, message: string) => told.push([fraction, message]);
  await (await trainWithRestarts(network, data, { ...OPTIONS, restarts: 2, progress })).dispose();
  const fractions = told.map(([fraction]) => fraction);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  expect(fractions.at(-1)).toBe(1);
  expect(told[0][1]).toMatch(/^restart 1\/2, epoch 1\/4/);
  expect(told.at(-1)![1]).toMatch(/^restart 2\/2, epoch 4\/4/);
});

it('have a checkpoint each, and leave nothing open when one fails', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restarts-'));
  const checkpoint = { path: join(folder, 'toy'), seconds: 0 };
  let epochs = 0;
  const failing: RestartOptions['score'] = async (evaluate) => {
    epochs += 1;
    if (epochs > 6) throw new Error('pulled the plug');
    return score(evaluate, valid);
  };
  await expect(trainWithRestarts(network, data, { ...OPTIONS, checkpoint, score: failing })).rejects.toThrow(
    'the plug',
  );
  expect(await readdir(folder)).toEqual(['toy.1']);
  const resumed = await trainWithRestarts(network, data, { ...OPTIONS, checkpoint });
  const whole = await trainWithRestarts(network, data, OPTIONS);
  expect(resumed.restarts).toEqual(whole.restarts);
  expect(await readdir(folder)).toEqual([]);
  for (const one of [resumed, whole]) await one.dispose();
  await rm(folder, { recursive: true });
});

it('are asked for in a whole number, and offered to plugins', async () => {
  for (const restarts of [0, 1.5])
    await expect(trainWithRestarts(network, data, { ...OPTIONS, restarts })).rejects.toThrow(
      `toy: restarts must be a whole number above 0, not ${restarts}`,
    );
  expect((await engine()).trainWithRestarts).toBe(trainWithRestarts);
});
