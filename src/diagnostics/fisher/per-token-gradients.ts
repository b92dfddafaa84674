/**
 * Sum of squared gradients of single tokens' losses. Each predicted token is a batch row with its
 * window. Rows share a pass when `per-example-gradients.ts` supports the model's parameters; the
 * result is compared with a one-row computation before it is used. Otherwise each row has its own
 * pass, which is as exact.
 */
import { runInBatches } from '../../runtime/batches.ts';
import type { SessionOptions, TensorValue } from '../../runtime/session.ts';
import type { FisherBatch } from './batches.ts';
import type { DifferentiableModel } from './differentiable-model.ts';
import { type BatchSquares, type SquaredGradients, squaredGradients } from './squared-gradients.ts';

/** Maximum number of tokens, padding included, of the rows of one pass. */
const TOKENS_PER_PASS = 1024;

export interface TokenSquares extends Pick<SquaredGradients, 'parameters' | 'unused' | 'dispose'> {
  /**
   * `asked`: the positions of the batch. Yields sums over some of them at a time, and their number.
   */
  run(
    batch: FisherBatch,
    asked: readonly number[],
    add: (squares: BatchSquares, tokens: number) => void,
  ): Promise<void>;
}

export interface TokenSquaresOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Of a typical window. */
  readonly tokens: number;
  /** False: one row at a time even when the parameters are supported. Default true. */
  readonly together?: boolean;
}

export async function openTokenSquares(
  model: DifferentiableModel,
  { tokens, together = true, ...compute }: TokenSquaresOptions,
): Promise<TokenSquares> {
  const byRow = together ? await squaredGradients(model, { of: 'rows', tokens }, compute) : undefined;
  const source = byRow ?? (await squaredGradients(model, { of: 'batch' }, compute));
  let tested = false;
  let alone = byRow === undefined;
  return {
    parameters: source.parameters,
    unused: source.unused,
    async run(batch, asked, add) {
      const most = alone ? 1 : Math.max(1, Math.floor(TOKENS_PER_PASS / batch.tokens));
      await runInBatches(asked.length, Math.min(most, Math.max(1, asked.length)), async (from, to) => {
        const some = asked.slice(from, to);
        const squares = alone ? undefined : await source.run(rowsOf(batch, some));
        if (squares && (tested || some.length === 1)) return add(squares, some.length);
        const single: BatchSquares[] = [];
        for (const one of some) single.push(await source.run(rowsOf(batch, [one])));
        if (squares) {
          tested = true;
          alone = !addUp(squares, single);
        }
        for (const part of single) add(part, 1);
      });
    },
    dispose: () => source.dispose(),
  };
}

/** Relative to the parameter's own square, and to the largest one. */
const TOLERANCE = 1e-3;
const FLOOR = 1e-6;

/** Whether the sum of the rows computed together equals the sum of the rows computed alone. */
function addUp(together: BatchSquares, single: readonly BatchSquares[]): boolean {
  const sums = together.squares.map((_, i) => single.reduce((sum, { squares }) => sum + squares[i], 0));
  const largest = sums.reduce((most, value) => Math.max(most, value), 0);
  return sums.every((sum, i) => Math.abs(together.squares[i] - sum) <= TOLERANCE * sum + FLOOR * largest);
}

/** A row for each of these tokens. @throws for inputs without rows. */
export function rowsOf({ feeds, rows, tokens, places, targets }: FisherBatch, asked: readonly number[]): FisherBatch {
  const windows = asked.map((i) => Math.floor(places[i] / tokens));
  const repeated = Object.entries(feeds).map(([name, value]): [string, TensorValue] => {
    if (value.dims[0] !== rows)
      throw new Error(
        `input '${name}' [${value.dims.join(', ')}] cannot be cut into ${rows} windows of ${tokens} tokens`,
      );
    const width = value.data.length / rows;
    const data = value.data.slice(0, 0);
    const all = new (data.constructor as new (length: number) => typeof data)(windows.length * width);
    windows.forEach((window, row) => {
      const own = value.data.subarray(window * width, (window + 1) * width);
      (all as Float32Array).set(own as Float32Array, row * width);
    });
    return [name, { ...value, data: all, dims: [windows.length, ...value.dims.slice(1)] } as TensorValue];
  });
  return {
    feeds: Object.fromEntries(repeated),
    rows: windows.length,
    tokens,
    places: Uint32Array.from(asked, (i, row) => row * tokens + (places[i] % tokens)),
    targets: Int32Array.from(asked, (i) => targets[i]),
  };
}
