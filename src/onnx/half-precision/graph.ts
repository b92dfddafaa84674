/**
 * A graph whose matrix products and convolutions are of float16 and whose everything else is of float32: the weights of products and of look-ups are
 * float16 leaves, other operands are cast on their way into a product and its result on its way out (mixed precision as in Micikevicius et al. 2018,
 * arXiv:1710.03740, at inference). Sums inside a product are kept in float32 by GPUs; normalisation, softmax, activations, residuals, positions,
 * recurrences and pooling never leave float32. Built by the same code as any graph. Not for training: values above 65,504 overflow.
 */
import { type Attributes, type ConstantData, DTYPE_CODES, Graph, Tensor } from '../graph.ts';
import { toHalves } from './values.ts';

/** Operators computed in float16, all operands of them. */
const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv']);

/** Operators that give their first operand's values, elsewhere. */
const MOVES: ReadonlySet<string> = new Set(['Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Slice']);

export class HalfGraph extends Graph {
  /** What stands in float16 for a tensor of float32. */
  private readonly halves = new Map<Tensor, Tensor>();
  /** float16 leaf -> the parameter or buffer whose values it has, rounded. */
  private readonly leaves = new Map<string, string>();
  private exact = false;

  /**
   * @param stored whether values of that name are at hand to be rounded; others are cast inside the graph.
   * @param emulated for the CPU, where ONNX Runtime computes a product in float32 and drops the rounding of its result: it is put back.
   */
  constructor(
    private readonly stored: (name: string) => boolean,
    private readonly emulated = false,
  ) {
    super();
  }

  override inFloat32<T>(build: () => T): T {
    const outside = this.exact;
    this.exact = true;
    try {
      return build();
    } finally {
      this.exact = outside;
    }
  }

  override node(
    op: string,
    inputs: readonly (Tensor | null)[],
    attributes: Attributes = {},
    options: Parameters<Graph['node']>[3] = {},
  ): Tensor[] {
    const floats = inputs.filter((input) => input?.dtype === 'float32');
    const isProduct = PRODUCTS.has(op) && !this.exact && floats.length === inputs.length;
    const isLookUp = op === 'Gather' && inputs[0] !== null && this.hasValues(inputs[0]);
    if (!isProduct && !isLookUp) return super.node(op, inputs, attributes, options);
    const operands = inputs.map((input) => (input?.dtype === 'float32' ? this.half(input) : input));
    return super.node(op, operands, attributes, options).map((output) => {
      const [float] = super.node('Cast', [output], { to: DTYPE_CODES.float32 });
      return this.emulated && isProduct ? this.roundedAgain(float) : float;
    });
  }

  /** A maximum that changes nothing keeps the runtime from taking these casts and the one before for none. */
  private roundedAgain(result: Tensor): Tensor {
    const [same] = super.node('Max', [result, this.scalar(-3.4e38)]);
    const [half] = super.node('Cast', [same], { to: DTYPE_CODES.float16 });
    return super.node('Cast', [half], { to: DTYPE_CODES.float32 })[0];
  }

  /** Values for all leaves, those of float16 among them. Throws for a weight too large for float16. */
  values(values: ReadonlyMap<string, ConstantData>): Map<string, ConstantData> {
    const rounded = [...this.leaves].map(([leaf, name]): [string, ConstantData] => {
      try {
        return [leaf, toHalves(values.get(name) as Float32Array)];
      } catch (error) {
        throw new Error(`weight '${name}': ${(error as Error).message}`);
      }
    });
    return new Map([...values, ...rounded]);
  }

  private hasValues(tensor: Tensor): boolean {
    return (
      (this.parameters.get(tensor.name)?.tensor === tensor || this.buffers.get(tensor.name)?.tensor === tensor) &&
      this.stored(tensor.name)
    );
  }

  private half(tensor: Tensor): Tensor {
    const known = this.halves.get(tensor);
    if (known) return known;
    const half = this.hasValues(tensor)
      ? this.leaf(tensor)
      : (this.moved(tensor) ?? super.node('Cast', [tensor], { to: DTYPE_CODES.float16 })[0]);
    this.halves.set(tensor, half);
    return half;
  }

  /** A weight turned round or cut, made of its float16 leaf, so that it is not kept in float32 as well. */
  private moved({ producer }: Tensor): Tensor | undefined {
    const [weight, ...rest] = producer?.inputs ?? [];
    if (!producer || !MOVES.has(producer.op) || !weight || !this.hasValues(weight)) return undefined;
    return super.node(producer.op, [this.half(weight), ...rest], producer.attributes)[0];
  }

  private leaf({ name, shape }: Tensor): Tensor {
    const leaf = new Tensor(this, `${name}:float16`, 'float16', shape);
    this.leaves.set(leaf.name, name);
    return leaf;
  }
}
