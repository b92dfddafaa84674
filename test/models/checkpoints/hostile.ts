/** Builders of files that no trainer writes: pickles opcode by opcode, torch's two formats round them, and a count of the memory taken. */
import { fileURLToPath } from 'node:url';

export const GOLDENS = fileURLToPath(new URL('./goldens/', import.meta.url));

export const u8 = (value: number) => Buffer.of(value);
export const u16 = (value: number) => Buffer.from(Uint16Array.of(value).buffer);
export const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
export const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
export const bytes = (...parts: readonly (string | Uint8Array)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

/** A pickle of protocol 2 around opcodes. */
export const pickle = (...opcodes: readonly (string | Uint8Array)[]) => bytes('\x80\x02', ...opcodes, '.');
export const int = (value: number) => bytes('J', Buffer.from(Int32Array.of(value).buffer));
export const long = (value: bigint) => bytes('\x8a', u8(8), u64(BigInt.asUintN(64, value)));
export const text = (value: string) => bytes('X', u32(Buffer.byteLength(value)), Buffer.from(value));
export const name = (module: string, member: string) => `c${module}\n${member}\n`;
export const tuple = (...items: readonly (string | Uint8Array)[]) => bytes('(', ...items, 't');
export const dict = (...entries: readonly (string | Uint8Array)[]) => bytes('}(', ...entries, 'u');
export const storage = (key: string, elements: string | Uint8Array, type = 'FloatStorage') =>
  bytes(tuple(text('storage'), name('torch', type), text(key), text('cpu'), elements), 'Q');

export interface Pieces {
  readonly offset?: string | Uint8Array;
  readonly shape?: readonly (string | Uint8Array)[];
  readonly strides?: readonly (string | Uint8Array)[];
  readonly elements?: string | Uint8Array;
  readonly key?: string;
}

/** A float32 tensor on storage 0 of four values, or what is said instead. */
export function tensor({
  offset = int(0),
  shape = [int(4)],
  strides = [int(1)],
  elements = int(4),
  key = '0',
}: Pieces) {
  const args = [storage(key, elements), offset, tuple(...shape), tuple(...strides), '\x89', '}'];
  return bytes(name('torch._utils', '_rebuild_tensor_v2'), tuple(...args), 'R');
}

export interface ZipMember {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the directory says in place of the truth. */
  readonly claims?: { readonly offset?: number; readonly length?: number; readonly packed?: number };
}

/** An uncompressed zip archive. */
export function zip(members: readonly ZipMember[], claims: { count?: number; offset?: number; length?: number } = {}) {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let position = 0;
  for (const { name: member, data, claims: said = {} } of members) {
    const sizes = bytes(u32(0), u32(data.length), u32(data.length));
    const local = bytes('PK\x03\x04', u16(20), u16(0), u16(0), u32(0), sizes, u16(member.length), u16(0), member, data);
    const length = said.length ?? data.length;
    const listed = bytes(u32(0), u32(said.packed ?? length), u32(length));
    const rest = bytes(u16(0), u16(0), u16(0), u16(0), u32(0), u32(said.offset ?? position), member);
    directory.push(bytes('PK\x01\x02', u16(20), u16(20), u16(0), u16(0), u32(0), listed, u16(member.length), rest));
    parts.push(local);
    position += local.length;
  }
  const table = bytes(...directory);
  const count = u16(claims.count ?? members.length);
  const end = bytes(
    'PK\x05\x06',
    u32(0),
    count,
    count,
    u32(claims.length ?? table.length),
    u32(claims.offset ?? position),
    u16(0),
  );
  return bytes(...parts, table, end);
}

/** torch's zip format around a pickle, with one storage of four values. */
export function torchZip(
  data: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = { 0: fourValues() },
): Buffer {
  return zip([
    { name: 'archive/data.pkl', data },
    { name: 'archive/byteorder', data: Buffer.from('little') },
    ...Object.entries(storages).map(([key, value]) => ({ name: `archive/data/${key}`, data: value })),
  ]);
}

export const fourValues = () => Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);

/** torch's legacy format around a pickle, its list of storages, and what comes after. */
export function torchLegacy(data: Uint8Array, keys: Uint8Array, storages: Uint8Array): Buffer {
  const magic = pickle('\x8a\x0a', Buffer.from('6cfc9c46f9206aa85019', 'hex'));
  const machine = pickle(dict(text('protocol_version'), int(1001), text('little_endian'), '\x88'));
  return bytes(magic, pickle(int(1001)), machine, data, keys, storages);
}

const ARRAYS = ['Uint8Array', 'Uint16Array', 'Uint32Array', 'Float32Array', 'Float64Array'] as const;

/** Runs `work` and tells the bytes of all typed arrays that were made meanwhile, not counting views. */
export async function countingAllocations(work: () => Promise<unknown>): Promise<number> {
  const scope = globalThis as unknown as Record<string, new (...args: unknown[]) => Uint8Array>;
  let total = 0;
  const originals = ARRAYS.map((array) => [array, scope[array]] as const);
  for (const [array, original] of originals)
    scope[array] = new Proxy(original, {
      construct(target, args, newTarget) {
        const made = Reflect.construct(target, args, newTarget) as Uint8Array;
        if (!(args[0] instanceof ArrayBuffer)) total += made.byteLength;
        return made;
      },
    });
  try {
    await work();
  } finally {
    for (const [array, original] of originals) scope[array] = original;
  }
  return total;
}
