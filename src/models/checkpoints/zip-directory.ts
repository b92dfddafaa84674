/**
 * Reads the directory of a zip archive (APPNOTE 6.3.9, with the 64-bit extension) as torch writes
 * it: members are stored uncompressed, so that their bytes can be read or mapped in place.
 * Compressed and encrypted members are listed without a range. Checksums are not verified: torch
 * does not verify them either, and can omit them. Every offset is checked against the file; members
 * must not overlap.
 */
import { CheckpointError, type ReadBytes, type StoredFile } from './stored-file.ts';

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const SIGNATURES = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};
const LENGTHS = { local: 30, central: 46, end: 22, end64: 56, locator64: 20 };
const MAX_COMMENT = 0xffff;
/** A checkpoint of 100,000 tensors has a directory of about 10 MB. */
const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;
const NAMES = new TextDecoder('utf-8');

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Directory extends ByteRange {
  readonly members: number;
}

function damaged(path: string, what: string): never {
  throw new CheckpointError(`${path} is truncated or damaged: ${what}. Fetch it again.`);
}

/** The last record of the archive has the position of the directory. */
function findDirectory({ path, size }: StoredFile, read: ReadBytes): Directory {
  const tailLength = Math.min(size, LENGTHS.end + MAX_COMMENT);
  const tail = viewOf(read(size - tailLength, tailLength));
  let at = tailLength - LENGTHS.end;
  while (at >= 0 && tail.getUint32(at, true) !== SIGNATURES.end) at--;
  if (at < 0) return damaged(path, 'the zip archive has no end record');
  const end = size - tailLength + at;
  const members = tail.getUint16(at + 10, true);
  const length = tail.getUint32(at + 12, true);
  const offset = tail.getUint32(at + 16, true);
  const is64 = members === 0xffff || length === 0xffffffff || offset === 0xffffffff;
  if (!is64) return { members, offset, length };

  if (end < LENGTHS.locator64) return damaged(path, 'the zip archive has no 64-bit end record');
  const locator = viewOf(read(end - LENGTHS.locator64, LENGTHS.locator64));
  if (locator.getUint32(0, true) !== SIGNATURES.locator64) return { members, offset, length };
  const record = viewOf(read(Number(locator.getBigUint64(8, true)), LENGTHS.end64));
  if (record.getUint32(0, true) !== SIGNATURES.end64) return damaged(path, 'its 64-bit end record is not one');
  const number = (position: number) => Number(record.getBigUint64(position, true));
  return { members: number(32), length: number(40), offset: number(48) };
}

/**
 * Sizes and position that do not fit into 32 bits, in the order of the format, from a member's
 * extra field.
 */
function extended(extra: DataView, values: readonly number[], path: string): number[] {
  if (!values.includes(0xffffffff)) return [...values];
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const [tag, length] = [extra.getUint16(at, true), extra.getUint16(at + 2, true)];
    if (tag === 1) {
      let next = at + 4;
      return values.map((value) => {
        if (value !== 0xffffffff) return value;
        next += 8;
        if (next > Math.min(at + 4 + length, extra.byteLength)) return damaged(path, 'a 64-bit size is missing');
        return Number(extra.getBigUint64(next - 8, true));
      });
    }
    at += 4 + length;
  }
  return [...values];
}

interface Member {
  readonly name: string;
  readonly stored: boolean;
  readonly length: number;
  readonly header: number;
}

function readDirectory({ path }: StoredFile, read: ReadBytes, { members, offset, length }: Directory): Member[] {
  if (length > MAX_DIRECTORY_BYTES) return damaged(path, `its zip directory claims ${length} bytes`);
  const bytes = read(offset, length);
  const view = viewOf(bytes);
  const found: Member[] = [];
  let at = 0;
  while (at + LENGTHS.central <= length && view.getUint32(at, true) === SIGNATURES.central) {
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const next = at + LENGTHS.central + nameLength + extraLength + commentLength;
    if (next > length) return damaged(path, 'its zip directory is truncated');
    const name = NAMES.decode(bytes.subarray(at + LENGTHS.central, at + LENGTHS.central + nameLength));
    const extra = viewOf(
      bytes.subarray(at + LENGTHS.central + nameLength, at + LENGTHS.central + nameLength + extraLength),
    );
    const sizes = [24, 20, 42].map((field) => view.getUint32(at + field, true));
    const [plain, packed, header] = extended(extra, sizes, path);
    const encrypted = (flags & 1) !== 0;
    if (method === 0 && !encrypted && plain !== packed) return damaged(path, `member ${name} has two sizes`);
    found.push({ name, stored: method === 0 && !encrypted, length: plain, header });
    at = next;
  }
  if (found.length !== members)
    return damaged(path, `its zip directory has ${found.length} members, its end record says ${members}`);
  return found;
}

/**
 * Start of a member's bytes: after its own header, whose name and extra field may differ from those
 * of the directory.
 */
function dataOffset({ path }: StoredFile, read: ReadBytes, member: Member): number {
  const header = viewOf(read(member.header, LENGTHS.local));
  if (header.getUint32(0, true) !== SIGNATURES.local)
    return damaged(path, `member ${member.name} is not at the position in the directory`);
  return member.header + LENGTHS.local + header.getUint16(26, true) + header.getUint16(28, true);
}

/**
 * Names of all members, and the byte ranges of those that are stored uncompressed. Throws {@link
 * CheckpointError} for an invalid archive.
 */
export function zipMembers(file: StoredFile, read: ReadBytes): { names: string[]; stored: Map<string, ByteRange> } {
  const directory = findDirectory(file, read);
  const members = readDirectory(file, read, directory);
  const stored = new Map<string, ByteRange>();
  for (const member of members) {
    if (stored.has(member.name)) return damaged(file.path, `it has two members ${member.name}`);
    if (member.stored) stored.set(member.name, { offset: dataOffset(file, read, member), length: member.length });
  }
  let position = 0;
  for (const [name, { offset, length }] of [...stored].sort(([, a], [, b]) => a.offset - b.offset)) {
    if (offset < position || offset + length > directory.offset)
      return damaged(file.path, `member ${name} is outside its range`);
    position = offset + length;
  }
  return { names: members.map(({ name }) => name), stored };
}
