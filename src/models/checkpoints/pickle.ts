/**
 * Python's pickle format, protocols 2 to 5 (the opcodes are documented in CPython's
 * Lib/pickletools.py), read as data: a stack machine that never imports, calls or constructs
 * anything chosen by the pickle. Names are looked up in the caller's list; REDUCE and NEWOBJ apply
 * the rules of that list; BUILD only fills inert records. Cyclic structures, deep nesting and too
 * many opcodes are errors.
 */
import type { PickleInput } from './pickle-input.ts';
import {
  checkAcyclic,
  GlobalName,
  InertRecord,
  kindOf,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from './pickle-values.ts';

/** Names and calls that a pickle may use. All functions throw on unknown ones. */
export interface PickleRules {
  /** A module's member, by the names in the pickle. */
  global(module: string, name: string, where: string): PickleValue;
  /**
   * The result of a call of an allowed name with these arguments. `spend` counts every value
   * copied.
   */
  call(name: GlobalName, args: readonly PickleValue[], where: string, spend: (values: number) => void): PickleValue;
  /** An object stored outside the pickle. */
  persistent(id: PickleValue, where: string): PickleValue;
}

/** A checkpoint of 10,000 tensors has about 400,000. */
const MAX_OPCODES = 5_000_000;
const MAX_OPEN_MARKS = 1000;

class Unpickler {
  stack: PickleValue[] = [];
  /** Heights of the stack at the open marks. */
  readonly marks: number[] = [];
  readonly memo = new Map<number, PickleValue>();
  private spent = 0;

  constructor(
    readonly input: PickleInput,
    readonly rules: PickleRules,
  ) {}

  /** Counts work, so that a short pickle cannot cause a long computation. */
  readonly spend = (values: number): void => {
    this.spent += values;
    if (this.spent > MAX_OPCODES) this.input.fail(`more than ${MAX_OPCODES} steps`);
  };

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    this.top();
    return this.stack.pop() as PickleValue;
  }

  top(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) this.input.fail('an opcode takes a value where there is none');
    return this.stack[this.stack.length - 1];
  }

  mark(): void {
    if (this.marks.length >= MAX_OPEN_MARKS) this.input.fail(`more than ${MAX_OPEN_MARKS} marks are open`);
    this.marks.push(this.stack.length);
  }

  /** All values above the last mark, which is then closed. */
  popMark(): PickleValue[] {
    const height = this.marks.pop();
    if (height === undefined) this.input.fail('an opcode takes the values above a mark where there is none');
    return this.stack.splice(height as number);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.input.fail(`memo ${index} is read before it is set`);
    this.push(value as PickleValue);
  }

  tuple(length: number): void {
    const items = Array.from({ length }, () => this.pop());
    this.push(new PickleTuple(items.reverse()));
  }

  append(values: readonly PickleValue[]): void {
    const target = this.top();
    if (!Array.isArray(target) && !(target instanceof InertRecord))
      this.input.fail(`values are appended to ${kindOf(target)}`);
    const items = Array.isArray(target) ? target : target.items;
    for (const value of values) items.push(value);
  }

  setItems(values: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Map) && !(target instanceof InertRecord))
      this.input.fail(`entries are set in ${kindOf(target)}`);
    if (values.length % 2 !== 0) this.input.fail('a key without a value');
    const entries = target instanceof Map ? target : target.entries;
    for (let i = 0; i < values.length; i += 2) entries.set(values[i], values[i + 1]);
  }

  addItems(values: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof PickleSet)) this.input.fail(`members are added to ${kindOf(target)}`);
    for (const value of values) target.items.push(value);
  }

  global(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      this.input.fail(`a name is given by ${kindOf(module)} and ${kindOf(name)}`);
    this.push(this.rules.global(module, name, this.input.where));
  }

  /** REDUCE and NEWOBJ: by the list's rule for the name; otherwise an error. */
  call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(args instanceof PickleTuple)) this.input.fail(`the arguments of a call are ${kindOf(args)}`);
    if (!(callee instanceof GlobalName)) this.input.fail(`${kindOf(callee)} is called`);
    this.push(this.rules.call(callee, args.items, this.input.where, this.spend));
  }

  /**
   * Attributes of dictionaries (`OrderedDict._metadata`) are ignored; those of records are kept;
   * other values must not have any.
   */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof InertRecord) target.state = state;
    else if (!(target instanceof Map)) this.input.fail(`attributes are set on ${kindOf(target)}`);
  }

  discard(): void {
    if (this.stack.length === this.marks.at(-1)) this.marks.pop();
    else this.pop();
  }

  run(): PickleValue {
    for (;;) {
      this.spend(1);
      const code = this.input.uint8();
      if (code === STOP) break;
      const opcode = OPCODES.get(code);
      if (!opcode) {
        this.input.position -= 1;
        this.input.fail(
          `opcode 0x${code.toString(16).padStart(2, '0')} is not one that torch.save writes. The file is damaged or no checkpoint`,
        );
      } else opcode(this, this.input);
    }
    const value = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) this.input.fail('it ends with values left over');
    return value;
  }
}

type Opcode = (machine: Unpickler, input: PickleInput) => void;
const STOP = 0x2e;

/**
 * By the names of CPython's pickle.py. Not supported, and therefore errors: text opcodes of
 * protocol 0, EXT codes, INST, OBJ, out-of-band buffers.
 */
const OPCODES: ReadonlyMap<number, Opcode> = new Map<number, Opcode>([
  [0x80, (_, input) => checkProtocol(input)], // PROTO
  [0x95, (_, input) => void input.uint64()], // FRAME: a hint for readers of streams
  [0x4e, (machine) => machine.push(null)], // NONE
  [0x88, (machine) => machine.push(true)], // NEWTRUE
  [0x89, (machine) => machine.push(false)], // NEWFALSE
  [0x4a, (machine, input) => machine.push(input.int32())], // BININT
  [0x4b, (machine, input) => machine.push(input.uint8())], // BININT1
  [0x4d, (machine, input) => machine.push(input.uint16())], // BININT2
  [0x8a, (machine, input) => machine.push(input.integer(input.uint8()))], // LONG1
  [0x8b, (machine, input) => machine.push(input.integer(input.uint32()))], // LONG4
  [0x47, (machine, input) => machine.push(input.float64())], // BINFLOAT
  [0x8c, (machine, input) => machine.push(input.utf8(input.uint8()))], // SHORT_BINUNICODE
  [0x58, (machine, input) => machine.push(input.utf8(input.uint32()))], // BINUNICODE
  [0x8d, (machine, input) => machine.push(input.utf8(input.uint64()))], // BINUNICODE8
  [0x55, (machine, input) => machine.push(input.latin1(input.uint8()))], // SHORT_BINSTRING
  [0x54, (machine, input) => machine.push(input.latin1(input.uint32()))], // BINSTRING
  [0x43, (machine, input) => machine.push(input.copy(input.uint8()))], // SHORT_BINBYTES
  [0x42, (machine, input) => machine.push(input.copy(input.uint32()))], // BINBYTES
  [0x8e, (machine, input) => machine.push(input.copy(input.uint64()))], // BINBYTES8
  [0x96, (machine, input) => machine.push(input.copy(input.uint64()))], // BYTEARRAY8
  [0x5d, (machine) => machine.push([])], // EMPTY_LIST
  [0x7d, (machine) => machine.push(new Map())], // EMPTY_DICT
  [0x29, (machine) => machine.push(new PickleTuple([]))], // EMPTY_TUPLE
  [0x8f, (machine) => machine.push(new PickleSet())], // EMPTY_SET
  [0x28, (machine) => machine.mark()], // MARK
  [0x74, (machine) => machine.push(new PickleTuple(machine.popMark()))], // TUPLE
  [0x85, (machine) => machine.tuple(1)], // TUPLE1
  [0x86, (machine) => machine.tuple(2)], // TUPLE2
  [0x87, (machine) => machine.tuple(3)], // TUPLE3
  [0x6c, (machine) => machine.push(machine.popMark())], // LIST
  [0x61, (machine) => machine.append([machine.pop()])], // APPEND
  [0x65, (machine) => machine.append(machine.popMark())], // APPENDS
  [0x73, (machine) => machine.setItems([machine.pop(), machine.pop()].reverse())], // SETITEM
  [0x75, (machine) => machine.setItems(machine.popMark())], // SETITEMS
  [0x90, (machine) => machine.addItems(machine.popMark())], // ADDITEMS
  [
    0x91,
    (machine) => {
      const members = machine.popMark();
      machine.push(new PickleSet());
      machine.addItems(members);
    },
  ], // FROZENSET
  [0x63, (machine, input) => machine.global(input.line(), input.line())], // GLOBAL
  [
    0x93,
    (machine) => {
      const name = machine.pop();
      machine.global(machine.pop(), name);
    },
  ], // STACK_GLOBAL
  [0x52, (machine) => machine.call()], // REDUCE
  [0x81, (machine) => machine.call()], // NEWOBJ
  [0x62, (machine) => machine.build()], // BUILD
  [0x51, (machine, input) => machine.push(machine.rules.persistent(machine.pop(), input.where))], // BINPERSID
  [0x71, (machine, input) => machine.remember(input.uint8())], // BINPUT
  [0x72, (machine, input) => machine.remember(input.uint32())], // LONG_BINPUT
  [0x94, (machine) => machine.remember(machine.memo.size)], // MEMOIZE
  [0x68, (machine, input) => machine.recall(input.uint8())], // BINGET
  [0x6a, (machine, input) => machine.recall(input.uint32())], // LONG_BINGET
  [0x30, (machine) => machine.discard()], // POP
  [0x31, (machine) => void machine.popMark()], // POP_MARK
  [0x32, (machine) => machine.push(machine.top())], // DUP
]);

function checkProtocol(input: PickleInput): void {
  const protocol = input.uint8();
  if (protocol < 2 || protocol > 5) input.fail(`pickle protocol ${protocol} is not supported; supported are 2 to 5`);
}

/**
 * Reads one pickle and leaves `input` after its STOP. Throws {@link CheckpointError}; runs no code.
 */
export function readPickle(input: PickleInput, rules: PickleRules): PickleValue {
  const value = new Unpickler(input, rules).run();
  checkAcyclic(value, input.where);
  return value;
}
