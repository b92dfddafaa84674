/**
 * Reads the bytes of a pickle in order. Every length is checked against the remaining bytes before
 * it is used.
 */
import { CheckpointError } from './stored-file.ts';

/**
 * The pickle continues after the available bytes: it is truncated, or (legacy files) more of the
 * file must be read.
 */
export class EndOfPickle extends CheckpointError {}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const LATIN1 = new TextDecoder('latin1');
/** Names of modules and classes are short. */
const MAX_LINE = 1000;
/** The largest integer in a checkpoint is a random seed of 16 bytes. */
const MAX_INTEGER_BYTES = 32;

export class PickleInput {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    /** Path, for messages. */
    readonly where: string,
    /** Next byte. */
    public position = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(what: string): never {
    throw new CheckpointError(`${this.where}: byte ${this.position} of the pickle: ${what}.`);
  }

  /** Advances by `length` bytes and returns the start. */
  private advance(length: number): number {
    const start = this.position;
    if (length > this.bytes.length - start)
      throw new EndOfPickle(
        `${this.where}: byte ${start} of the pickle: ${length} bytes are needed, ${this.bytes.length - start} are left. The file is truncated or damaged; fetch it again.`,
      );
    this.position = start + length;
    return start;
  }

  uint8(): number {
    return this.view.getUint8(this.advance(1));
  }
  uint16(): number {
    return this.view.getUint16(this.advance(2), true);
  }
  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }
  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }
  /** Larger than any file when the value is too large for a number. */
  uint64(): number {
    return Number(this.view.getBigUint64(this.advance(8), true));
  }
  /** Pickle's BINFLOAT is big-endian. */
  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  /** Two's complement, little-endian, of up to 32 bytes. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.fail(`an integer of ${length} bytes`);
    const start = this.advance(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i]);
    const signed = length > 0 ? BigInt.asIntN(8 * length, value) : 0n;
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  /** Returns a copy. */
  copy(length: number): Uint8Array {
    const start = this.advance(length);
    const copy = new Uint8Array(length);
    copy.set(this.bytes.subarray(start, start + length));
    return copy;
  }

  utf8(length: number): string {
    const start = this.advance(length);
    try {
      return UTF8.decode(this.bytes.subarray(start, start + length));
    } catch {
      return this.fail('text that is not UTF-8');
    }
  }

  /** Strings in the format of Python 2. */
  latin1(length: number): string {
    const start = this.advance(length);
    return LATIN1.decode(this.bytes.subarray(start, start + length));
  }

  /** Up to the next line feed, which is skipped. */
  line(): string {
    const end = this.bytes.subarray(this.position, this.position + MAX_LINE).indexOf(0x0a);
    if (end < 0) {
      if (this.bytes.length - this.position >= MAX_LINE) this.fail(`a name of more than ${MAX_LINE} bytes`);
      this.advance(this.bytes.length - this.position + 1);
    }
    const line = this.utf8(end);
    this.position += 1;
    return line;
  }
}
