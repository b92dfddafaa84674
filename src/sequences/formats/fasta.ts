/** FASTA: a ">" line and then sequence lines, wrapped or not. Also reads a value written "key=value" or "key:value" in a header. */

import { SequenceError } from '../sequence-error.ts';
import { readLines } from './gzip-stream.ts';

export interface FastaRecord {
  /** The line after ">", trimmed. */
  readonly header: string;
  /** Letters as written, line ends and white space at the ends of lines removed. */
  readonly sequence: string;
  /** 1-based line of the header. */
  readonly line: number;
}

/**
 * Records in the order of the file; blank lines are skipped.
 * @throws SequenceError for text before the first header, a header with no name, a record with no letters.
 */
export async function* readFasta(path: string): AsyncGenerator<FastaRecord> {
  let header: string | undefined;
  let headerLine = 0;
  let pieces: string[] = [];
  const finished = (): FastaRecord => {
    const sequence = pieces.length === 1 ? pieces[0] : pieces.join('');
    if (sequence === '') {
      throw new SequenceError(`record "${header}" has an empty sequence; remove it or fill it in`, {
        file: path,
        line: headerLine,
      });
    }
    return { header: header ?? '', sequence, line: headerLine };
  };
  for await (const { firstLine, lines } of readLines(path)) {
    for (let i = 0; i < lines.length; i++) {
      const text = lines[i].trim();
      if (text === '') continue;
      if (!text.startsWith('>')) {
        if (header === undefined) {
          throw new SequenceError(
            `sequence before the first header: "${shorten(text)}"; FASTA records start with a line ">name"`,
            { file: path, line: firstLine + i },
          );
        }
        pieces.push(text);
        continue;
      }
      if (header !== undefined) yield finished();
      header = text.slice(1).trim();
      headerLine = firstLine + i;
      pieces = [];
      if (header === '') {
        throw new SequenceError('a header with no name; write ">name"', { file: path, line: headerLine });
      }
    }
  }
  if (header !== undefined) yield finished();
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
