/**
 * Shuffles a sequence so that every pair of neighbouring symbols occurs exactly as often as before
 * (and so does every single symbol). The first and the last symbol stay in place, and all such
 * sequences are equally likely (Altschul & Erickson 1985, Mol. Biol. Evol. 2:526). The pairs are
 * the edges of a graph and a sequence is an Euler path through it. The last edges out of the
 * symbols must form a tree towards the last symbol. The tree is drawn by Wilson's loop-erased
 * random walks (1996, STOC), as in uShuffle (Jiang et al. 2008, BMC Bioinformatics 9:192); the
 * other edges are in random order. It is the control for what a model knows beyond dinucleotides.
 */
import type { Random } from '../../core/random.ts';

export type Symbols = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

/** A shuffled copy. Any symbols, any length; time and memory grow linearly with the length. */
export function shuffleDinucleotides<S extends Symbols>(symbols: S, random: Random): S {
  const shuffled = symbols.slice() as S;
  if (symbols.length < 4) return shuffled; // nothing can move
  const { vertices, letters } = numbered(symbols);
  const { starts, successors } = edgesBySource(vertices, letters.length);
  const last = vertices[vertices.length - 1];
  const exits = drawTree(starts, successors, last, random);
  for (let v = 0; v < letters.length; v++) {
    let end = starts[v + 1];
    if (v !== last) {
      end -= 1;
      [successors[exits[v]], successors[end]] = [successors[end], successors[exits[v]]];
    }
    random.shuffle(successors.subarray(starts[v], end));
  }
  const next = starts.slice();
  let at = vertices[0];
  for (let i = 1; i < shuffled.length; i++) {
    at = successors[next[at]++];
    shuffled[i] = letters[at];
  }
  return shuffled;
}

/**
 * The same for text or letters. Every UTF-16 code unit is a symbol; upper and lower case differ.
 */
export function shuffleText(text: string, random: Random): string {
  const codes = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return Buffer.from(shuffleDinucleotides(codes, random).buffer).toString('utf16le');
}

/** Renames symbols to 0, 1, ... in order of first occurrence. */
function numbered(symbols: Symbols): { vertices: Uint32Array; letters: number[] } {
  const names = new Map<number, number>();
  const letters: number[] = [];
  const vertices = Uint32Array.from(symbols, (symbol) => {
    let name = names.get(symbol);
    if (name === undefined) {
      name = letters.length;
      names.set(symbol, name);
      letters.push(symbol);
    }
    return name;
  });
  return { vertices, letters };
}

/** `successors[starts[v] .. starts[v + 1])` holds what follows v, once for each occurrence. */
function edgesBySource(vertices: Uint32Array, count: number): { starts: Uint32Array; successors: Uint32Array } {
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i + 1 < vertices.length; i++) starts[vertices[i] + 1] += 1;
  for (let v = 0; v < count; v++) starts[v + 1] += starts[v];
  const free = starts.slice();
  const successors = new Uint32Array(vertices.length - 1);
  for (let i = 0; i + 1 < vertices.length; i++) successors[free[vertices[i]]++] = vertices[i + 1];
  return { starts, successors };
}

/**
 * For every vertex but the root, the edge of a random tree towards the root. All edges, repeated
 * ones too, have equal weight.
 */
function drawTree(starts: Uint32Array, successors: Uint32Array, root: number, random: Random): Uint32Array {
  const exits = new Uint32Array(starts.length - 1);
  const inTree = new Uint8Array(starts.length - 1);
  inTree[root] = 1;
  for (let v = 0; v < exits.length; v++) {
    // A later visit to a vertex overwrites its exit, which erases loops.
    for (let at = v; inTree[at] === 0; at = successors[exits[at]])
      exits[at] = starts[at] + random.integer(starts[at + 1] - starts[at]);
    for (let at = v; inTree[at] === 0; at = successors[exits[at]]) inTree[at] = 1;
  }
  return exits;
}
