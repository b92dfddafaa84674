/**
 * A tree of merges, as agglomerative clustering yields it, in SciPy's layout (`scipy.cluster.hierarchy.linkage`): points are
 * clusters 0..rows-1, and the i-th merge makes cluster rows + i.
 */
export interface Linkage {
  /** Points. */
  readonly rows: number;
  /** `[rows - 1, 2]` clusters merged, the smaller number first. */
  readonly merges: Int32Array;
  /** `[rows - 1]` distance of the two clusters at their merge, ascending. */
  readonly heights: Float64Array;
  /** `[rows - 1]` points in the cluster made. */
  readonly sizes: Int32Array;
}

/** Merges in any order in which parts come before wholes, each cluster named by any one of its points. */
export interface RawMerges {
  readonly rows: number;
  /** `[rows - 1, 2]` */
  readonly pairs: Int32Array;
  /** `[rows - 1]` */
  readonly heights: Float64Array;
}

/** Follows parents to the top, shortening the way for the next time. */
function topOf(parents: Int32Array, start: number): number {
  let top = start;
  while (parents[top] !== top) top = parents[top];
  let node = start;
  while (parents[node] !== top) {
    const next = parents[node];
    parents[node] = top;
    node = next;
  }
  return top;
}

/** Sorts merges by height, equal heights in the order given, and numbers the clusters as they are made. */
export function toLinkage({ rows, pairs, heights }: RawMerges): Linkage {
  const order = Uint32Array.from({ length: rows - 1 }, (_, i) => i).sort((a, b) => heights[a] - heights[b] || a - b);
  const parents = Int32Array.from({ length: 2 * rows - 1 }, (_, i) => i);
  const merges = new Int32Array(2 * (rows - 1));
  const sizes = new Int32Array(rows - 1);
  const sizeOf = (cluster: number) => (cluster < rows ? 1 : sizes[cluster - rows]);
  order.forEach((merge, i) => {
    const a = topOf(parents, pairs[2 * merge]);
    const b = topOf(parents, pairs[2 * merge + 1]);
    merges[2 * i] = Math.min(a, b);
    merges[2 * i + 1] = Math.max(a, b);
    sizes[i] = sizeOf(a) + sizeOf(b);
    parents[a] = rows + i;
    parents[b] = rows + i;
  });
  return { rows, merges, heights: Float64Array.from(order, (merge) => heights[merge]), sizes };
}

/**
 * `[rows]` cluster of each point when the tree is cut into `clusters` clusters (the last clusters - 1 merges are undone),
 * numbered from 0 in the order in which they first occur.
 * @throws when there are fewer points than clusters.
 */
export function cutTree({ rows, merges }: Linkage, clusters: number): Int32Array {
  if (!Number.isInteger(clusters) || clusters < 1 || clusters > rows) {
    throw new Error(
      `A tree of ${rows} points cannot be cut into ${clusters} clusters; from 1 to ${rows} are possible.`,
    );
  }
  const parents = Int32Array.from({ length: 2 * rows - 1 }, (_, i) => i);
  for (let i = 0; i < rows - clusters; i++) {
    parents[merges[2 * i]] = rows + i;
    parents[merges[2 * i + 1]] = rows + i;
  }
  const numbers = new Map<number, number>();
  return Int32Array.from({ length: rows }, (_, row) => {
    const top = topOf(parents, row);
    let number = numbers.get(top);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(top, number);
    }
    return number;
  });
}
