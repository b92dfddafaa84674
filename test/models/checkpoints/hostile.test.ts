import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointError, openCheckpoint } from '../../../src/models/checkpoints/checkpoint.ts';
import {
  bytes,
  countingAllocations,
  dict,
  fourValues,
  int,
  long,
  name,
  pickle,
  storage,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  u8,
  u32,
  u64,
  zip,
} from './hostile.ts';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'glm-bench-hostile-')), 'hostile.pt');
});
afterAll(() => rm(join(path, '..'), { recursive: true }));

/** What opening says, and the bytes of memory it took on the way. */
async function refusal(file: Uint8Array): Promise<{ message: string; allocated: number }> {
  await writeFile(path, file);
  let message = 'it was opened';
  const allocated = await countingAllocations(() =>
    openCheckpoint(path).catch((error: unknown) => {
      expect(error).toBeInstanceOf(CheckpointError);
      message = (error as Error).message;
    }),
  );
  return { message, allocated };
}

const zipped = (...opcodes: readonly (string | Uint8Array)[]) => torchZip(pickle(...opcodes));
const tensors = (...entries: readonly (string | Uint8Array)[]) => zipped(dict(...entries));

const cases: Readonly<Record<string, readonly [Uint8Array, string]>> = {
  'a command of the operating system': [
    zipped(name('posix', 'system'), tuple(text('touch /tmp/x')), 'R'),
    '"posix.system"',
  ],
  'a command by STACK_GLOBAL': [zipped(text('os'), text('system'), '\x93', tuple(text('id')), 'R'), '"os.system"'],
  eval: [zipped(name('__builtin__', 'eval'), tuple(text('1')), 'R'), '"__builtin__.eval"'],
  'a member of a listed module': [zipped(name('torch', 'load'), tuple(text('x')), 'R'), '"torch.load"'],
  'names that objects of JavaScript have': [zipped(name('__proto__', 'constructor'), ')R'), '"__proto__.constructor"'],
  'a name of a storage type behind dots': [zipped(name('torch', 'cuda.x.FloatStorage')), 'is not among the few names'],
  'a call of what is no function': [zipped(text('os.system'), tuple(), 'R'), 'a string is called'],
  'a call of what is only an argument': [zipped(name('torch', 'FloatStorage'), ')R'), 'which may only be an argument'],
  'arguments that are no tuple': [zipped(name('torch', 'Size'), ']R'), 'the arguments of a call are a list'],
  'attributes of a tensor': [zipped(tensor({}), '}b'), 'attributes are set on a tensor'],
  'text of 2^60 bytes': [zipped('\x8d', u64(2n ** 60n)), 'are left. The file is truncated'],
  'bytes of 2^63 bytes': [zipped('\x8e', u64(2n ** 63n)), 'are left. The file is truncated'],
  'text of 4 GiB': [zipped('X', u32(0xffffffff)), 'are left. The file is truncated'],
  'an integer of 2^31 - 1 bytes': [zipped('\x8b', u32(0x7fffffff)), 'an integer of 2147483647 bytes'],
  'an endless name': [zipped('c', 'a'.repeat(5000)), 'a name of more than 1000 bytes'],
  'a name cut short': [zipped('cos'), 'are left'],
  'lists in lists': [zipped(']'.repeat(300), 'a'.repeat(299)), 'nests containers more than 256 deep'],
  'open marks': [zipped('('.repeat(5000)), 'more than 1000 marks are open'],
  'a list that contains itself': [zipped(']q\x00h\x00a'), 'contains itself'],
  'a dictionary in itself, two levels down': [
    zipped('}q\x00', text('state_dict'), '}', text('a'), 'h\x00ss'),
    'contains itself',
  ],
  'a tuple in its own list': [zipped(']q\x00h\x00\x85a'), 'contains itself'],
  'a record in its own state': [zipped(name('argparse', 'Namespace'), ')\x81q\x00h\x00b'), 'contains itself'],
  'a memo that was never set': [zipped('h\x07'), 'memo 7 is read'],
  'a value where there is none': [zipped('a'), 'takes a value where there is none'],
  'a value from below a mark': [zipped('](N\x85a'), 'takes a value where there is none'],
  'a tuple without a mark': [zipped('t'), 'where there is none'],
  'a key without a value': [zipped('}(Nu'), 'a key without a value'],
  'an opcode that instantiates': [zipped('(ios\nsystem\n'), 'opcode 0x69 is not one that torch.save writes'],
  'an extension registry': [zipped('\x82\x01'), 'opcode 0x82'],
  'protocol 0': [torchZip(bytes('(dp0\n.')), 'opcode 0x64'],
  'a protocol of the future': [torchZip(bytes('\x80\x09N.')), 'pickle protocol 9'],
  'values left over': [zipped('NN'), 'values left over'],
  'no end': [torchZip(bytes('\x80\x02N')), 'are left'],
  'text that is not UTF-8': [zipped('X', u32(2), '\xff\xfe'), 'not UTF-8'],
  'something else outside the pickle': [
    zipped(tuple(text('file'), text('/etc/passwd')), 'Q'),
    'something of the kind "file"',
  ],
  'a module with its source': [
    zipped(tuple(text('module'), 'N', text('a.py'), text('x')), 'Q'),
    'this is a whole model',
  ],
  'a storage of a strange type': [
    zipped(tuple(text('storage'), text('x'), text('0'), text('cpu'), int(4)), 'Q'),
    'whose type is a string',
  ],
  'a storage of negative size': [zipped(storage('0', int(-4))), 'a storage without a valid size'],
  'a storage larger than its bytes': [
    tensors(text('w'), tensor({ elements: int(1 << 28) })),
    'has 16 bytes, but the pickle has 1073741824',
  ],
  'a storage of 2^62 values': [
    tensors(text('w'), tensor({ elements: long(2n ** 62n) })),
    'a storage without a valid size',
  ],
  'a storage of two sizes': [
    tensors(text('a'), tensor({}), text('b'), tensor({ elements: int(3), shape: [int(3)] })),
    'two types or sizes',
  ],
  'a storage that is not there': [tensors(text('w'), tensor({ key: '1' })), '"archive/data/1" is missing'],
  'a storage by a path': [tensors(text('w'), tensor({ key: '../../../etc/passwd' })), 'is missing'],
  'a giant shape on four values': [
    tensors(text('w'), tensor({ shape: [int(1 << 30), int(1 << 30)], strides: [int(0), int(0)] })),
    'repeats values',
  ],
  'a shape whose product overflows': [
    tensors(text('w'), tensor({ shape: Array(40).fill(int(1 << 30)), strides: Array(40).fill(int(0)) })),
    'repeats values',
  ],
  'a view beyond the end': [tensors(text('w'), tensor({ offset: int(1) })), 'reaches outside them'],
  'a stride beyond the end': [
    tensors(text('w'), tensor({ shape: [int(2)], strides: [int(4)] })),
    'reaches outside them',
  ],
  'a stride of 2^53': [
    tensors(text('w'), tensor({ shape: [int(2)], strides: [long(2n ** 53n)] })),
    'negative or not a whole number',
  ],
  'a negative stride': [
    tensors(text('w'), tensor({ offset: int(3), strides: [int(-1)] })),
    'negative or not a whole number',
  ],
  'a negative offset': [tensors(text('w'), tensor({ offset: int(-1) })), 'negative or not a whole number'],
  'a negative size': [
    tensors(text('w'), tensor({ shape: [int(-2), int(-2)], strides: [int(1), int(1)] })),
    'negative or not a whole number',
  ],
  'fewer strides than axes': [tensors(text('w'), tensor({ strides: [] })), 'has not one stride per axis'],
  'a hundred axes': [
    tensors(text('w'), tensor({ shape: Array(100).fill(int(1)), strides: Array(100).fill(int(1)) })),
    'of 100 axes',
  ],
  'a tensor made of a number': [
    zipped(name('torch._utils', '_rebuild_tensor_v2'), tuple(int(1)), 'R'),
    'a tensor is made of a number',
  ],
  'a parameter made of text': [
    zipped(name('torch._utils', '_rebuild_parameter'), tuple(text('x')), 'R'),
    'a parameter is made of a string',
  ],
  'a lone tensor': [zipped(tensor({})), 'holds a tensor, not a dictionary of tensors'],
};

describe('hostile pickles', () => {
  it.each(Object.entries(cases))('%s', async (_, [file, message]) => {
    const { message: said, allocated } = await refusal(file);
    expect(said).toContain(message);
    expect(said).toContain(path);
    expect(allocated).toBeLessThanOrEqual(4 * file.length);
  });

  it('reads the file that these are variations of', async () => {
    await writeFile(
      path,
      tensors(text('w'), tensor({}), text('__proto__'), tensor({ offset: int(3), shape: [int(1)] })),
    );
    const checkpoint = await openCheckpoint(path);
    expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(await checkpoint.read('__proto__')).toEqual(Float32Array.of(4)); // a name like any other
  });

  it('counts the work that a short pickle asks for: one list of pairs, made into a dictionary again and again', async () => {
    const pairs = bytes('](', bytes(text('k'), 'N\x86q\x01', 'h\x01'.repeat(99_999)), 'eq\x00');
    const again = bytes(
      name('collections', 'OrderedDict'),
      'q\x02',
      'h\x00\x85q\x03R',
      'h\x02h\x03R'.repeat(200),
      '0'.repeat(200),
    );
    const { message } = await refusal(zipped(pairs, again));
    expect(message).toContain('more than 5000000 steps');
  });

  it('refuses views that overlap without end', async () => {
    const elements = 4 * 2 ** 20;
    const views = Array.from({ length: 80 }, (_, i) =>
      bytes(text(`w${i}`), tensor({ elements: int(elements), offset: int(i), shape: [int(elements - i)] })),
    );
    const { message } = await refusal(torchZip(pickle(dict(...views)), { 0: Buffer.alloc(4 * elements) }));
    expect(message).toContain('overlap each other more than 64-fold');
  });
});

describe('hostile zip archives', () => {
  const good = pickle(dict(text('w'), tensor({})));
  const members = [
    { name: 'archive/data.pkl', data: good },
    { name: 'archive/data/0', data: fourValues() },
  ];
  const archives: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'a member that begins outside the file': [
      zip([members[0], { ...members[1], claims: { offset: 1 << 30 } }]),
      'it refers to bytes',
    ],
    'a member that begins elsewhere': [
      zip([members[0], { ...members[1], claims: { offset: 5 } }]),
      'is not at the position in the directory',
    ],
    'a member that is another': [zip([members[0], { ...members[1], claims: { offset: 0 } }]), 'is outside its range'],
    'a member longer than the file': [
      zip([{ ...members[0], claims: { length: 0x7fffffff } }, members[1]]),
      'is outside its range',
    ],
    'a member of two sizes': [zip([{ ...members[0], claims: { packed: 3 } }, members[1]]), 'has two sizes'],
    'a 64-bit size that is missing': [
      zip([{ ...members[0], claims: { length: 0xffffffff } }, members[1]]),
      'is outside its range',
    ],
    'two members of one name': [zip([members[0], members[0], members[1]]), 'it has two members'],
    'a directory outside the file': [zip(members, { offset: 1 << 30 }), 'it refers to bytes'],
    'a directory of 4 GiB': [zip(members, { length: 0xfffffffe }), 'its zip directory claims'],
    'more members than there are': [
      zip(members, { count: 9 }),
      'its zip directory has 2 members, its end record says 9',
    ],
    'a directory that says 64 bits without having them': [zip(members, { count: 0xffff }), 'end record says 65535'],
    'no directory': [zip(members).subarray(0, 100), 'has no end record'],
    'no pickle': [zip([members[1]]), 'with no data.pkl'],
    'two pickles': [zip([...members, { name: 'b/data.pkl', data: good }]), 'with 2 data.pkl'],
    'values of a big-endian machine': [
      zip([...members, { name: 'archive/byteorder', data: Buffer.from('big') }]),
      'big-endian',
    ],
  };
  it.each(Object.entries(archives))('%s', async (_, [file, message]) => {
    const { message: said, allocated } = await refusal(file);
    expect(said).toContain(message);
    expect(allocated).toBeLessThanOrEqual(4 * file.length);
  });
});

describe('hostile legacy files', () => {
  const good = pickle(dict(text('w'), tensor({})));
  const keys = pickle('](', text('0'), 'e');
  const values = bytes(u64(4), fourValues());
  const files: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'values cut short': [torchLegacy(good, keys, values.subarray(0, 20)), 'is truncated'],
    'bytes after the end': [torchLegacy(good, keys, bytes(values, 'x')), 'is damaged: its storages end at byte'],
    'a storage of another size': [torchLegacy(good, keys, bytes(u64(2n ** 62n), fourValues())), 'the pickle has 4'],
    'a storage that the pickle does not know': [
      torchLegacy(good, pickle('](', text('1'), 'e'), values),
      'does not fit the pickle',
    ],
    'a storage listed twice': [
      torchLegacy(good, pickle('](', text('0'), text('0'), 'e'), bytes(values, values)),
      'does not fit',
    ],
    'a storage that is not listed': [torchLegacy(good, pickle(']'), bytes()), 'storage "0" is missing'],
    'no list of storages': [torchLegacy(good, pickle('N'), values), 'the list of storages is missing'],
    'another magic number': [pickle(int(1)), 'is a pickle of plain data, not a file of torch.save'],
    'a pickle of another program': [
      pickle(name('gensim.models.word2vec', 'Word2Vec'), ')\x81'),
      '"gensim.models.word2vec.Word2Vec"',
    ],
    'a part of a storage outside it': [
      torchLegacy(
        pickle(
          tuple(
            text('storage'),
            name('torch', 'FloatStorage'),
            text('0'),
            text('cpu'),
            int(4),
            tuple(text('v'), int(3), int(2)),
          ),
          'Q',
        ),
        keys,
        values,
      ),
      'reaches outside the storage that it is part of',
    ],
  };
  it.each(Object.entries(files))('%s', async (_, [file, message]) => {
    const { message: said, allocated } = await refusal(file);
    expect(said).toContain(message);
    expect(allocated).toBeLessThanOrEqual(4 * file.length);
  });

  it('reads a part of a storage, as files of before torch 0.4 have them', async () => {
    const part = tuple(
      text('storage'),
      name('torch', 'FloatStorage'),
      text('0'),
      text('cpu'),
      int(4),
      tuple(text('v'), int(1), int(2)),
    );
    const rebuilt = bytes(
      name('torch._utils', '_rebuild_tensor'),
      tuple(bytes(part, 'Q'), int(1), tuple(int(1)), tuple(int(1))),
      'R',
    );
    await writeFile(path, torchLegacy(pickle(dict(text('w'), rebuilt)), keys, values));
    expect(await (await openCheckpoint(path)).read('w')).toEqual(Float32Array.of(3));
  });

  it('takes pickles longer than its first look at the file', async () => {
    const comment = 'x'.repeat(300_000);
    const long = pickle(dict(text('w'), tensor({}), text('comment'), text(comment), text('byte'), bytes('K', u8(1))));
    await writeFile(path, torchLegacy(long, keys, values));
    expect(await (await openCheckpoint(path)).read('w')).toEqual(Float32Array.of(1, 2, 3, 4));
  });
});
