/**
 * WordPiece (Wu et al. 2016): from the left, the longest piece of the vocabulary, until the word ends; a word with a part
 * that no piece fits is one unknown token. Pieces are found in a trie, so that the time grows with the length of a word
 * times the length of the longest piece; trying all ends from the right, as references do, is cubic.
 */

export interface WordPieceModel {
  /** Piece -> id. Pieces that do not begin a word have the prefix. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** `##` in BERT. */
  readonly prefix: string;
  readonly unknown: string;
  /** Longer words, in characters, are unknown. */
  readonly longestWord: number;
}

interface Node {
  readonly next: Map<string, Node>;
  /** The piece that ends here. */
  piece?: string;
}

const newNode = (): Node => ({ next: new Map() });

function insert(root: Node, letters: Iterable<string>, piece: string): void {
  let node = root;
  for (const letter of letters) {
    const next = node.next.get(letter) ?? newNode();
    node.next.set(letter, next);
    node = next;
  }
  node.piece = piece;
}

/** A function from words to their pieces. */
export function wordPieces({ vocabulary, prefix, unknown, longestWord }: WordPieceModel) {
  const [first, later] = [newNode(), newNode()];
  for (const word of vocabulary.keys()) {
    if (word === '') continue;
    insert(first, word, word);
    if (word.startsWith(prefix) && word.length > prefix.length) insert(later, word.slice(prefix.length), word);
  }
  const piecesOf = (word: string): string[] => {
    const letters = Array.from(word);
    if (letters.length > longestWord) return [unknown];
    const pieces: string[] = [];
    for (let at = 0; at < letters.length; ) {
      let node: Node | undefined = at === 0 ? first : later;
      let [found, end]: [string | undefined, number] = [undefined, at];
      for (let i = at; i < letters.length; i++) {
        node = node.next.get(letters[i]);
        if (node === undefined) break;
        if (node.piece !== undefined) [found, end] = [node.piece, i + 1];
      }
      if (found === undefined) return [unknown];
      pieces.push(found);
      at = end;
    }
    return pieces;
  };
  return (words: readonly string[]): string[] => words.flatMap(piecesOf);
}
