/**
 * Fisher information by the parts of a model. The trace over a part grows with the size of the
 * part. Each share of the trace is therefore reported with the share of the parameters, their ratio
 * (density: 1 when information is spread evenly over parameters) and the mean per parameter.
 */
import { type BlockPart, type ParameterGroup, type Section, sectionOf, WORD_EMBEDDINGS } from './parameter-groups.ts';

/** One parameter tensor. */
export interface FisherTensor extends ParameterGroup {
  readonly name: string;
  readonly parameters: number;
  /** Sum of the Fisher diagonal over the tensor's entries. */
  readonly fisher: number;
  /**
   * For a word table that is also the output matrix: the parts of `fisher`. `cross` is twice the
   * sum over entries of the product of the two gradients.
   */
  readonly roles?: { readonly input: number; readonly output: number; readonly cross: number };
}

export interface FisherPart {
  readonly parameters: number;
  /** Sum over the parameters of the part. */
  readonly fisher: number;
  /** `fisher / parameters` */
  readonly mean: number;
  /** Share of the sum over all parts. */
  readonly share: number;
  readonly parameterShare: number;
  /** `share / parameterShare` */
  readonly density: number;
}

export type FisherGroup = FisherPart & { readonly group: string };
export type FisherBlockPart = FisherPart & { readonly part: BlockPart };
export type FisherSection = FisherPart & { readonly section: Section | 'other' };

/** One way to add up the parts; all shares refer to the same total. */
export interface FisherView {
  readonly total: number;
  readonly parameters: number;
  readonly groups: readonly FisherGroup[];
  /** Parts of all blocks together. */
  readonly blockParts: readonly FisherBlockPart[];
  /** Parts of each block; `group` is the block. */
  readonly parts: readonly (FisherBlockPart & { readonly group: string })[];
  /** The paper's coarse parts: embeddings, all blocks, head. */
  readonly sections: readonly FisherSection[];
}

interface Cell extends ParameterGroup {
  readonly parameters: number;
  readonly fisher: number;
}

/**
 * The model as it is: a tied word table counts once, in the word embeddings, with the gradient of
 * both its roles (as in the paper).
 */
export function viewAsBuilt(tensors: readonly FisherTensor[]): FisherView {
  return view(tensors);
}

export const OUTPUT_ROLE = 'output embeddings';

/**
 * The model with its tied word table as two tables: the look-up in the word embeddings, the output
 * matrix in `output embeddings`, part of the head. Undefined when nothing is tied.
 */
export function viewByRole(tensors: readonly FisherTensor[]): FisherView | undefined {
  if (!tensors.some(({ roles }) => roles)) return undefined;
  const cells = tensors.flatMap(({ group, part, parameters, fisher, roles }): Cell[] =>
    roles
      ? [
          { group: WORD_EMBEDDINGS, parameters, fisher: roles.input },
          { group: OUTPUT_ROLE, parameters, fisher: roles.output },
        ]
      : [{ group, part, parameters, fisher }],
  );
  return view(cells);
}

function view(cells: readonly Cell[]): FisherView {
  const total = sum(cells, 'fisher');
  const parameters = sum(cells, 'parameters');
  const measure = (some: readonly Cell[]): FisherPart => {
    const part = { parameters: sum(some, 'parameters'), fisher: sum(some, 'fisher') };
    const share = part.fisher / total;
    const parameterShare = part.parameters / parameters;
    return { ...part, mean: part.fisher / part.parameters, share, parameterShare, density: share / parameterShare };
  };
  const inBlocks = cells.filter((cell): cell is Cell & { part: BlockPart } => cell.part !== undefined);
  const section = ({ group }: Cell) => (group === OUTPUT_ROLE ? 'head' : (sectionOf(group) ?? 'other'));
  return {
    total,
    parameters,
    groups: by(cells, ({ group }) => group).map(([group, some]) => ({ group, ...measure(some) })),
    blockParts: by(inBlocks, ({ part }) => part).map(([part, some]) => ({ part, ...measure(some) })),
    parts: by(inBlocks, ({ group }) => group).flatMap(([group, block]) =>
      by(block, ({ part }) => part).map(([part, some]) => ({ group, part, ...measure(some) })),
    ),
    sections: by(cells, section).map(([name, some]) => ({ section: name, ...measure(some) })),
  };
}

const sum = (cells: readonly Cell[], field: 'fisher' | 'parameters') =>
  cells.reduce((total, cell) => total + cell[field], 0);

/** Groups in the order of first occurrence. */
function by<T, K>(items: readonly T[], keyOf: (item: T) => K): [K, T[]][] {
  const groups = new Map<K, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups];
}
