/** FASTA: a ">" line and then sequence lines, wrapped or not. Also reads a value written "key=value" or "key:value" in a header. */

import { SequenceError } from '../sequence-error.ts';
import { MOST_CHARACTERS, readLines } from './gzip-stream.ts';

export interface FastaRecord {
  /** The line after ">", trimmed. */
  readonly header: string;
  /**
   * Letters as written, lines joined. Blanks inside a line stay; a line that begins or ends with a number parted by blanks (GenBank,
   * EMBL) is set off by a blank, so that `applyAlphabet` can take numbers and blanks out and count them.
   */
  readonly sequence: string;
  /** 1-based line of the header. */
  readonly line: number;
}

/**
 * Records in the order of the file; blank lines are passed over.
 * @param onFault gets a record that cannot be used (no letters, no name), which is then left out; without it such a record is thrown.
 * @throws SequenceError for text before the first header, and for a sequence longer than {@link MOST_CHARACTERS}.
 */
export async function* readFasta(
  path: string,
  onFault: (fault: SequenceError, line: number) => void = refuse,
): AsyncGenerator<FastaRecord> {
  let header: string | undefined;
  let headerLine = 0;
  let pieces: string[] = [];
  let letters = 0;
  const finished = (): FastaRecord[] => {
    if (header === undefined) return [];
    const sequence = pieces.length === 1 ? pieces[0] : pieces.join('');
    if (header !== '' && sequence !== '') return [{ header, sequence: sequence.trim(), line: headerLine }];
    const what =
      header === ''
        ? 'a header with no name; write ">name"'
        : `record "${shorten(header)}" has an empty sequence; remove it or fill it in`;
    onFault(new SequenceError(what, { file: path, line: headerLine }), headerLine);
    return [];
  };
  for await (const { firstLine, lines } of readLines(path)) {
    for (let i = 0; i < lines.length; i++) {
      const text = lines[i].trim();
      if (text === '') continue;
      if (text.startsWith('>')) {
        yield* finished();
        header = text.slice(1).trim();
        headerLine = firstLine + i;
        pieces = [];
        letters = 0;
        continue;
      }
      if (header === undefined) {
        throw new SequenceError(
          `sequence before the first header: "${shorten(text)}"; FASTA records start with a line ">name"`,
          { file: path, line: firstLine + i },
        );
      }
      letters += text.length;
      if (letters > MOST_CHARACTERS) {
        throw new SequenceError(
          `record "${shorten(header)}" has more than ${MOST_CHARACTERS} letters, the most that is read; cut it into windows`,
          { file: path, line: headerLine },
        );
      }
      pieces.push(/^\d+\s|\s\d+$/.test(text) ? ` ${text} ` : text);
    }
  }
  yield* finished();
}

function refuse(fault: SequenceError): never {
  throw fault;
}

/** The first word of a header: the record's id. */
export function fastaId(header: string): string {
  const end = header.search(/\s/);
  return end < 0 ? header : header.slice(0, end);
}

/** The value of `key` in a header such as "chr1:5-9 class=1; strand:+", or undefined. */
export function headerValue(header: string, key: string): string | undefined {
  const literal = key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:^|[\\s;|,])${literal}\\s*[=:]\\s*([^\\s;|,]+)`).exec(header)?.[1];
}

/** Text for an error message, at most 40 letters. */
export function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
