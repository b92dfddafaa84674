/**
 * A graph under construction: its tensors, its nodes and the tape that reverse mode reads. Adding an operator (see
 * `operators/functions.ts`) appends a node. Nothing is computed here.
 *
 * Dimensions are numbers or symbols ("batch"): two dimensions of one name are equal at run time. How an operator's
 * outputs look is left to `infer`, which `graph.ts` takes from the table of operators. The operators themselves need
 * only this file, so no import leads back.
 */
import { arrayOf, type ConstantData, type Dim, type DType, dtypeOf, GraphError, type Shape } from './tensor-type.ts';

export * from './tensor-type.ts';

/** A graph as an attribute is the body of a loop. */
export type Attribute = number | string | readonly number[] | readonly string[] | Tensor | Recording;
export type Attributes = Readonly<Record<string, Attribute>>;

/** How a parameter's first value is drawn; see `initialisers.ts`. */
export type Initialiser = (random: () => number, shape: readonly number[]) => Float32Array;

export interface ParameterInfo {
  readonly tensor: Tensor;
  readonly name: string;
  readonly shape: readonly number[];
  readonly initialise: Initialiser;
  /** False for biases and normalisation gains, which weight decay leaves alone in AdamW set-ups that exclude them. */
  readonly decay: boolean;
}

/** State that training updates without a gradient (running statistics). */
export interface BufferInfo {
  readonly tensor: Tensor;
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: number;
  next?: Tensor;
}

export class Tensor {
  /** The node that yields this tensor; undefined for inputs, constants and unbound parameters. */
  producer: Node | undefined;

  constructor(
    readonly graph: Recording,
    readonly name: string,
    readonly dtype: DType,
    readonly shape: Shape,
    readonly constant?: ConstantData,
    /** Value of a one-dimensional (or scalar) int64 tensor as far as it is known while building: shape arithmetic. */
    readonly known?: readonly Dim[],
  ) {}

  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    return `${this.name}: ${this.dtype}[${this.shape.join(', ')}]`;
  }
}

export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly (Tensor | null)[];
  /** Rules may append optional outputs that an adjoint needs (a normalisation's saved mean). */
  readonly outputs: Tensor[];
  readonly attributes: Attributes;
}

/** What a node reads: its inputs, and what the bodies of its loops take from the graph around them. */
export function reads(node: Node): readonly (Tensor | null)[] {
  const bodies = Object.values(node.attributes).filter((value) => value instanceof Recording);
  return bodies.length === 0 ? node.inputs : [...node.inputs, ...bodies.flatMap((body) => [...body.captured.values()])];
}

/** An operator about to be appended. */
export interface Call {
  readonly graph: Recording;
  readonly op: string;
  readonly inputs: readonly (Tensor | null)[];
  readonly attributes: Attributes;
  /** How many outputs the caller asked for. */
  readonly outputs: number;
}

/** Type and shape of one output. */
export interface Inferred {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Values of small integer tensors known while building. */
  readonly known?: readonly Dim[];
}

/** Gradients for a composite's inputs, given those of its outputs; null where none flows. */
export type CompositeAdjoint = (
  outputGradients: readonly (Tensor | null)[],
  needs: readonly boolean[],
) => (Tensor | null)[];

/** What reverse mode walks: single nodes, or a group of nodes with an adjoint of its own. */
export type TapeEntry =
  | { readonly kind: 'node'; readonly node: Node }
  | {
      readonly kind: 'composite';
      readonly name: string;
      readonly inputs: readonly Tensor[];
      readonly outputs: readonly Tensor[];
      /** The nodes it is made of: reverse mode steps over them. */
      readonly nodes: readonly Node[];
      readonly adjoint: CompositeAdjoint;
    };

export abstract class Recording {
  readonly inputs: Tensor[] = [];
  readonly outputs = new Map<string, Tensor>();
  readonly parameters = new Map<string, ParameterInfo>();
  readonly buffers = new Map<string, BufferInfo>();
  readonly tape: TapeEntry[] = [];
  /** In the body of a loop: what stands here for tensors of the graph around it -> those tensors. */
  readonly captured = new Map<Tensor, Tensor>();
  /** Opset of the default domain; graphs read from a file keep theirs. */
  opset = 23;
  private counter = 0;
  private compositeDepth = 0;
  private compositeNodes: Node[] = [];
  private readonly given = new Set<string>();
  private readonly scalars = new Map<string, Tensor>();
  private readonly dimensions = new Map<string, Tensor>();

  /** A name that none of the names given by callers (or by a file) has. */
  private fresh(hint: string): string {
    do this.counter += 1;
    while (this.given.has(`${hint}_${this.counter}`));
    return `${hint}_${this.counter}`;
  }

  /** A value fed at run time. */
  input(name: string, dtype: DType, shape: Shape): Tensor {
    if (this.inputs.some((tensor) => tensor.name === name)) throw new GraphError(`input '${name}' is declared twice`);
    const tensor = new Tensor(this, name, dtype, shape);
    this.given.add(name);
    this.inputs.push(tensor);
    return tensor;
  }

  /** In the body of a loop: a tensor of the graph around it, the same at every step. */
  capture(outer: Tensor): Tensor {
    const tensor = new Tensor(this, this.fresh(outer.name), outer.dtype, outer.shape, undefined, outer.known);
    this.captured.set(tensor, outer);
    return tensor;
  }

  /** A constant with its data (or a reference to where its bytes lie). */
  constant(data: ConstantData, shape: readonly number[], dtype?: DType, name?: string): Tensor {
    const inferred = dtype ?? dtypeOf(data);
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (shape.some((dim) => dim < 0)) throw new GraphError(`a constant can't have the shape [${shape}]`);
    if (!('location' in data) && data.length !== size)
      throw new GraphError(`constant of shape [${shape}] needs ${size} values, got ${data.length}`);
    const known =
      data instanceof BigInt64Array && shape.length <= 1 && data.length <= 4096 ? Array.from(data, Number) : undefined;
    if (name !== undefined) this.given.add(name);
    return new Tensor(this, name ?? this.fresh('constant'), inferred, shape, data, known);
  }

  /** A zero-dimensional constant, made once per value. */
  scalar(value: number, dtype: DType = 'float32'): Tensor {
    const key = `${dtype}:${value}`;
    let tensor = this.scalars.get(key);
    if (!tensor) {
      tensor = this.constant(arrayOf(dtype, [value]), [], dtype);
      this.scalars.set(key, tensor);
    }
    return tensor;
  }

  /** A one-dimensional int64 constant: axes, sizes, indices. */
  integers(values: readonly number[]): Tensor {
    const key = `int64s:${values.join(',')}`;
    let tensor = this.scalars.get(key);
    if (!tensor) {
      tensor = this.constant(
        BigInt64Array.from(values, (value) => BigInt(value)),
        [values.length],
      );
      this.scalars.set(key, tensor);
    }
    return tensor;
  }

  /** A Reshape target whose run-time values (0, -1) stand for dimensions known while building. */
  targetShape(values: readonly number[], meaning: Shape): Tensor {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    return new Tensor(this, this.fresh('shape'), 'int64', [values.length], data, meaning);
  }

  /** A trainable weight. It has no value here: `bindFlat` (training) or `serialise` (inference) gives it one. */
  parameter(
    name: string,
    shape: readonly number[],
    initialise: Initialiser,
    options: { decay?: boolean } = {},
  ): Tensor {
    if (this.parameters.has(name) || this.buffers.has(name))
      throw new GraphError(`parameter '${name}' is declared twice`);
    const tensor = new Tensor(this, name, 'float32', shape);
    this.given.add(name);
    this.parameters.set(name, { tensor, name, shape, initialise, decay: options.decay ?? shape.length > 1 });
    return tensor;
  }

  /** State updated by assignment rather than by gradient, e.g. a running mean. */
  buffer(name: string, shape: readonly number[], initial: number): Tensor {
    if (this.parameters.has(name) || this.buffers.has(name)) throw new GraphError(`buffer '${name}' is declared twice`);
    const tensor = new Tensor(this, name, 'float32', shape);
    this.given.add(name);
    this.buffers.set(name, { tensor, name, shape, initial });
    return tensor;
  }

  /** Sets what a buffer becomes after this step. */
  assign(buffer: Tensor, value: Tensor): void {
    const info = [...this.buffers.values()].find((candidate) => candidate.tensor === buffer);
    if (!info) throw new GraphError(`'${buffer.name}' is not a buffer`);
    info.next = value;
  }

  output(name: string, tensor: Tensor): void {
    if (this.outputs.has(name)) throw new GraphError(`output '${name}' is declared twice`);
    this.outputs.set(name, tensor);
  }

  /** Types and shapes of an operator's outputs. Throws {@link GraphError} for an operator that is not known. */
  abstract infer(call: Call, domain: string): Inferred[];

  /** Appends a node; types and shapes of its outputs come from the operator's rule. */
  node(
    op: string,
    inputs: readonly (Tensor | null)[],
    attributes: Attributes = {},
    options: { domain?: string; outputs?: number; names?: readonly string[]; inferred?: readonly Inferred[] } = {},
  ): Tensor[] {
    for (const input of inputs)
      if (input && input.graph !== this) throw new GraphError(`${op}: input '${input.name}' is of another graph`);
    const domain = options.domain ?? '';
    // A caller may state the result where it knows more than the rule can (a slice at a position fed at run time).
    const inferred =
      options.inferred ?? this.infer({ graph: this, op, inputs, attributes, outputs: options.outputs ?? 1 }, domain);
    for (const name of options.names ?? []) this.given.add(name);
    // A file leaves the name of an output it does not use empty.
    const outputs = inferred.map(
      (type, i) =>
        new Tensor(this, options.names?.[i] || this.fresh(op), type.dtype, type.shape, undefined, type.known),
    );
    const node: Node = { op, domain, inputs, outputs, attributes };
    for (const output of outputs) output.producer = node;
    if (this.compositeDepth === 0) this.tape.push({ kind: 'node', node });
    else this.compositeNodes.push(node);
    return outputs;
  }

  /** Gives a node one more (optional) output, for an adjoint that needs what the operator saves. */
  extraOutput(node: Node, dtype: DType, shape: Shape): Tensor {
    const tensor = new Tensor(this, this.fresh(node.op), dtype, shape);
    tensor.producer = node;
    node.outputs.push(tensor);
    return tensor;
  }

  /**
   * Records the nodes that `build` appends as one unit of differentiation: reverse mode calls the returned adjoint instead of
   * walking through them. For functions whose derivative is cheaper or steadier as a whole (batch norm, cross-entropy).
   */
  composite(
    name: string,
    inputs: readonly Tensor[],
    build: () => { outputs: Tensor[]; adjoint: CompositeAdjoint },
  ): Tensor[] {
    this.compositeDepth += 1;
    let built: { outputs: Tensor[]; adjoint: CompositeAdjoint };
    try {
      built = build();
    } finally {
      this.compositeDepth -= 1;
    }
    if (this.compositeDepth === 0) {
      const nodes = this.compositeNodes;
      this.compositeNodes = [];
      this.tape.push({ kind: 'composite', name, inputs, outputs: built.outputs, nodes, adjoint: built.adjoint });
    }
    return built.outputs;
  }

  /** Products that `build` declares are of float32, also where the graph computes others in less (`graph.ts`): for what is a sum of many. */
  inFloat32<T>(build: () => T): T {
    return build();
  }

  /** Run-time value of a symbolic dimension, int64 [1], read off the first input that has it. */
  dimension(symbol: string): Tensor {
    const cached = this.dimensions.get(symbol);
    if (cached) return cached;
    for (const input of this.inputs) {
      const axis = input.shape.indexOf(symbol);
      if (axis >= 0) {
        const [size] = this.node('Shape', [input], { start: axis, end: axis + 1 });
        this.dimensions.set(symbol, size);
        return size;
      }
    }
    throw new GraphError(`no input has the dimension '${symbol}', so its size can't be known at run time`);
  }
}
