/** Checks that features are finite; every fit calls it. */
import type { Matrix } from '../core/matrix.ts';

/** Throws on the first value that is not finite, with its row and column. */
export function requireFinite(features: Matrix, what: string): void {
  const { values, columns } = features;
  if (values.length !== features.rows * columns) {
    throw new Error(`${what}: ${values.length} values do not make ${features.rows} rows of ${columns}.`);
  }
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new Error(`${what}: the feature in row ${Math.floor(i / columns)}, column ${i % columns} is ${values[i]}.`);
    }
  }
}
