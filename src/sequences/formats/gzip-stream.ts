/**
 * Text files as batches of lines, gzip or not (told by the first bytes, never by the name), UTF-8, any line ending.
 * Memory is one chunk plus the longest line, which is bounded. Truncated and corrupt gzip, bytes that are not UTF-8 text and
 * control characters are errors that name the line.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SequenceError } from '../sequence-error.ts';

const CHUNK_BYTES = 1 << 19;
/** Longest line, and longest sequence of a FASTA record: above the longest human chromosome (249 million), half the longest string. */
export const MOST_CHARACTERS = 2 ** 28;

/**
 * What a carriage return alone is. `lines`: always the end of a line (old Macintosh files). `fields`: the end of a line only in
 * files whose first line ends with one; else part of the text, as in database exports with returns inside a field.
 */
export type CarriageReturns = 'lines' | 'fields';

export interface LineBatch {
  /** 1-based number of the first line. */
  readonly firstLine: number;
  /** Without their line endings. */
  readonly lines: readonly string[];
}

/**
 * Lines of a file in batches, in order. A byte-order mark is dropped. An empty last line is not given.
 * @throws SequenceError for a line longer than {@link MOST_CHARACTERS}.
 */
export async function* readLines(path: string, returns: CarriageReturns = 'lines'): AsyncGenerator<LineBatch> {
  let firstLine = 1;
  let pieces: string[] = []; // of a line that is not complete yet
  let characters = 0;
  for await (const text of readText(path, returns)) {
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    characters += lines.length === 0 ? last.length : lines[0].length;
    if (characters > MOST_CHARACTERS) {
      throw new SequenceError(
        `a line of more than ${MOST_CHARACTERS} characters, the most that is read; is this the right file? Break long sequences into lines`,
        { file: path, line: firstLine },
      );
    }
    if (lines.length === 0) {
      pieces.push(last);
      continue;
    }
    characters = last.length;
    lines[0] = pieces.join('') + lines[0];
    pieces = [last];
    for (let i = 0; i < lines.length; i++) {
      if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1);
    }
    yield { firstLine, lines };
    firstLine += lines.length;
  }
  const rest = pieces.join('').replace(/\r$/, '');
  if (rest !== '') yield { firstLine, lines: [rest] };
}

/**
 * The decoded text of a file in chunks; carriage returns that end lines by themselves are turned into "\n".
 * @throws SequenceError naming file and line for whatever keeps the file from being read as text.
 */
export async function* readText(path: string, returns: CarriageReturns = 'lines'): AsyncGenerator<string> {
  let returnsEndLines = returns === 'lines' ? true : undefined; // undefined: no line has ended yet
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  let heldReturn = false; // a "\r" at the end of a chunk may be half of "\r\n"
  const checked = (bytes: Uint8Array | undefined): string => {
    let text: string;
    try {
      text = bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new SequenceError('bytes that are not UTF-8 text; is this a binary file? Save text files as UTF-8', {
        file: path,
        line,
      });
    }
    if (heldReturn) text = `\r${text}`;
    heldReturn = bytes !== undefined && text.endsWith('\r');
    if (heldReturn) text = text.slice(0, -1);
    returnsEndLines ??= /[\r\n]/.test(text) ? /^[^\r\n]*\r(?!\n)/.test(text) : undefined;
    if (returnsEndLines && text.includes('\r')) text = text.replace(/\r(?!\n)/g, '\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    const control = text.search(/[\u0000-\u0008\u000e-\u001f]/);
    if (control >= 0) {
      throw new SequenceError('a control character where text should be; is this a binary file? Give a text file', {
        file: path,
        line: line + countNewlines(text.slice(0, control)),
      });
    }
    line += countNewlines(text);
    return text;
  };
  try {
    for await (const bytes of readBytes(path)) {
      const text = checked(bytes);
      if (text !== '') yield text;
    }
  } catch (error) {
    throw readError(error, path, line);
  }
  const rest = checked(undefined);
  if (rest !== '') yield rest;
}

/** The bytes of a file in chunks, gunzipped where they are gzip (several members too, as bgzip writes them). */
export async function* readBytes(path: string): AsyncGenerator<Buffer> {
  const gzipped = isGzip(await firstBytes(path, 2), path);
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  if (!gzipped) {
    yield* file as AsyncIterable<Buffer>;
    return;
  }
  // The callback is needed for pipeline to forward errors; the loop below throws them.
  const gunzip = pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
  yield* gunzip as AsyncIterable<Buffer>;
}

/** The first `count` bytes as they are stored. @throws SequenceError when there is no such file. */
export async function firstBytes(path: string, count: number): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readError(error, path);
  }
}

function isGzip(bytes: Buffer, path: string): boolean {
  const magic = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!magic && /\.b?gz$/i.test(path)) {
    throw new SequenceError('named as gzip, but its bytes are not gzip; compress it or drop the ending', {
      file: path,
    });
  }
  return magic;
}

/** Turns what the file system and zlib throw into errors that say what to do. */
export function readError(error: unknown, file: string, line?: number): Error {
  if (error instanceof SequenceError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const at = { file, line };
  if (code === 'ENOENT') return new SequenceError('no such file; check the path', { file });
  if (code === 'EISDIR') return new SequenceError('is a folder; give a file', { file });
  if (code === 'EACCES') return new SequenceError('may not be read; check its permissions', { file });
  if (code === 'Z_BUF_ERROR') {
    return new SequenceError('the gzip stream ends too early: the file is truncated; download or copy it again', at);
  }
  if (code?.startsWith('Z_')) {
    return new SequenceError(`the gzip stream is corrupt (${message}); download or copy it again`, at);
  }
  return error instanceof Error ? error : new Error(String(error));
}

function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
