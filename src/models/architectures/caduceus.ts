/**
 * Caduceus (Schiff et al. 2024, arXiv:2403.03234): blocks of norm and bidirectional Mamba on single bases. A BiMamba block runs one Mamba
 * forwards and one over the reversed sequence and adds (or multiplies) the two; they may share their projections.
 *
 * Caduceus-PS runs the same blocks on the sequence and on its reverse complement, and gives 2 d channels: d of the one strand, then d of the
 * other, channels and positions reversed, so that the reverse complement of the input reverses the output in both. Caduceus-PH is the
 * blocks alone. Inside, the strands lie beside one another, each in its own direction: [tokens, strands, rows, d].
 *
 * The authors' code takes no mask: padding on the right would flow into the sequence from there. Here a row is reversed within its own
 * length, so the real tokens are what they would be without padding, by construction; what padding gets means nothing.
 *
 * Hidden states are the reference's: 0 the embeddings, i < layers what block i's Mamba gave *without* the residual sum, the last one the
 * normed residual sum. (Unless `fused_add_norm`, the reference leaves the last out of its list.) `residual_in_fp32` says nothing here:
 * all is float32. With `fused_add_norm`, as the published models are, the PS blocks of the reference take each strand's sum to the other
 * strand before they norm it; so does this graph, since the weights were trained that way.
 */
import type { Graph, Tensor } from '../../onnx/graph.ts';
import { normal } from '../../onnx/layers/initialisers.ts';
import { layerNorm, linear, rmsNorm } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import type {
  Architecture,
  ArchitectureGraph,
  ArchitectureInputs,
  ConfiguredArchitecture,
  ParameterSource,
  RawConfig,
} from './architecture.ts';
import { type MambaConfig, mamba, mambaConfig, mambaProjections } from './blocks-mamba.ts';
import { classNames, count, flag, number, oneOf } from './config-fields.ts';

interface CaduceusConfig {
  readonly width: number;
  readonly layers: number;
  /** Rounded up to a multiple of `pad_vocab_size_multiple`, as the reference does. */
  readonly vocabularySize: number;
  /** Token -> the token of the complementary base. Only PS has one. */
  readonly complement?: readonly number[];
  readonly rootMeanSquare: boolean;
  readonly fused: boolean;
  readonly epsilon: number;
  readonly bidirectional: boolean;
  readonly combine: 'add' | 'ew_multiply';
  readonly sharedProjections: boolean;
  readonly tiedHead: boolean;
  readonly deviation: number;
  readonly mamba: MambaConfig;
}

const ROOT = 'caduceus.';
const BACKBONE = `${ROOT}backbone.`;
const TABLE = `${BACKBONE}embeddings.word_embeddings`;

export const caduceus: Architecture = {
  id: 'caduceus',
  title: 'Caduceus',
  models: [
    'kuleshov-group/caduceus-{ps,ph}_seqlen-131k_d_model-256_n_layer-16',
    'kuleshov-group/caduceus-{ps,ph}_seqlen-1k_d_model-{118,256}_n_layer-4_lr-8e-3',
  ],
  source:
    "Schiff et al. 2024 (arXiv:2403.03234); checked against the authors' modeling_caduceus.py with mamba-ssm 1.2.0",
  matches: (config) =>
    config.model_type === 'caduceus' || classNames(config).some((name) => /(^|\.)Caduceus/.test(name)),
  configure,
};

function configure(config: RawConfig, where: string): ConfiguredArchitecture {
  const sizes = read(config, where);
  const { width, layers, complement, vocabularySize } = sizes;
  return {
    label: `Caduceus-${complement ? 'PS' : 'PH'} (${layers} x ${width})`,
    dimension: complement ? 2 * width : width,
    layers,
    vocabularySize,
    reads: sizes.bidirectional || complement ? 'masked' : 'causal',
    wordTable: wordTable(sizes),
    outputMatrix: { parameter: outputMatrix(sizes), tied: sizes.tiedHead },
    build: (graph, inputs) => build(graph, inputs, sizes),
    sources: (parameter) => sources(parameter, sizes),
  };
}

function read(config: RawConfig, where: string): CaduceusConfig {
  const [width, layers] = [count(config, 'd_model', where), count(config, 'n_layer', where)];
  const multiple = count(config, 'pad_vocab_size_multiple', where, 8);
  const vocabularySize = Math.ceil(count(config, 'vocab_size', where) / multiple) * multiple;
  const initial = section(config, 'initializer_cfg', where);
  const rescaled = flag(initial, 'rescale_prenorm_residual', where, true);
  const residuals = layers * count(initial, 'n_residuals_per_layer', where, 1);
  return {
    width,
    layers,
    vocabularySize,
    complement: flag(config, 'rcps', where, false) ? complementOf(config, vocabularySize, where) : undefined,
    rootMeanSquare: flag(config, 'rms_norm', where, true),
    fused: flag(config, 'fused_add_norm', where, true),
    epsilon: number(config, 'norm_epsilon', where, 1e-5),
    bidirectional: flag(config, 'bidirectional', where, true),
    combine: oneOf(config, 'bidirectional_strategy', where, ['add', 'ew_multiply'], 'add'),
    sharedProjections: flag(config, 'bidirectional_weight_tie', where, true),
    tiedHead: flag(config, 'tie_word_embeddings', where, true),
    deviation: number(initial, 'initializer_range', where, 0.02),
    mamba: mambaConfig(section(config, 'ssm_cfg', where), width, rescaled ? Math.sqrt(residuals) : 1, where),
  };
}

/** A nested object of the config; null and missing are empty. */
function section(config: RawConfig, field: string, where: string): RawConfig {
  const value = config[field] ?? {};
  if (typeof value !== 'object') throw new Error(`${where}: ${field} = ${JSON.stringify(value)}; an object is needed`);
  return value as RawConfig;
}

/** `complement_map` as a list. Tokens added by rounding the vocabulary up are their own complements. */
function complementOf(config: RawConfig, vocabulary: number, where: string): number[] {
  const map = section(config, 'complement_map', where);
  const listed = Object.keys(map).length;
  return Array.from({ length: vocabulary }, (_, token) => {
    const complement = map[token] ?? (listed > 0 && token >= listed ? token : undefined);
    if (typeof complement !== 'number' || !Number.isInteger(complement) || complement < 0 || complement >= vocabulary)
      throw new Error(
        `${where}: complement_map of token ${token} is ${JSON.stringify(complement)}; with rcps it must give a token below ${vocabulary} for each`,
      );
    return complement;
  });
}

/** Parameter of an output matrix that is not the word table. */
const outputMatrix = ({ complement }: CaduceusConfig) => (complement ? 'lm_head.lm_head.weight' : 'lm_head.weight');

const wordTable = ({ complement }: CaduceusConfig) => `${TABLE}.${complement ? 'embedding.' : ''}weight`;

/** Checkpoints keep one of the names that a shared tensor has, and bare models have no root. */
function sources(parameter: string, config: CaduceusConfig): ParameterSource | undefined {
  if (!parameter.startsWith(ROOT)) return undefined;
  const aliases = [parameter];
  if (config.sharedProjections && /\.mamba_fwd\.(in|out)_proj\./.test(parameter))
    aliases.push(parameter.replace('.mamba_fwd.', '.mamba_rev.'));
  const names = [...aliases, ...aliases.map((name) => name.slice(ROOT.length))];
  if (parameter === wordTable(config)) {
    if (config.tiedHead) names.push(outputMatrix(config));
  }
  return { names };
}

function build(graph: Graph, { ids, mask }: ArchitectureInputs, config: CaduceusConfig): ArchitectureGraph {
  const { vocabularySize, width, layers, complement, fused } = config;
  const table = graph.parameter(wordTable(config), [vocabularySize, width], normal(config.deviation));
  const strands = new Strands(graph, mask, complement);
  const norm = (x: Tensor, name: string) =>
    (config.rootMeanSquare ? rmsNorm : layerNorm)(x, complement && !fused ? `${name}.submodule` : name, {
      epsilon: config.epsilon,
    });

  let x = op.gather(table, strands.tokens(ids)); // [t, strands, b, d]
  let residual: Tensor | undefined;
  const hiddenStates = [strands.joined(x)];
  for (let i = 0; i < layers; i++) {
    const sum: Tensor = residual ? op.add(x, residual) : x;
    residual = complement && fused ? strands.exchanged(sum) : sum;
    x = biMamba(norm(residual, `${BACKBONE}layers.${i}.norm`), i, config, strands);
    if (i < layers - 1) hiddenStates.push(strands.joined(x));
  }
  const last = norm(residual ? op.add(x, residual) : x, `${BACKBONE}norm_f`);
  return { hiddenStates: [...hiddenStates, strands.joined(last)], logits: (vectors) => logits(vectors, table, config) };
}

/** Mamba over each strand in its own direction and in the other. [t, strands, b, d] */
function biMamba(x: Tensor, layer: number, config: CaduceusConfig, strands: Strands): Tensor {
  const name = `${BACKBONE}layers.${layer}.mixer${config.complement ? '.submodule' : ''}`;
  const projections = mambaProjections(x.graph, `${name}.mamba_fwd`, config.mamba);
  const ahead = mamba(x, `${name}.mamba_fwd`, config.mamba, projections);
  if (!config.bidirectional) return ahead;
  const own = config.sharedProjections ? projections : mambaProjections(x.graph, `${name}.mamba_rev`, config.mamba);
  const behind = strands.reversed(mamba(strands.reversed(x), `${name}.mamba_rev`, config.mamba, own));
  return (config.combine === 'add' ? op.add : op.multiply)(ahead, behind);
}

/** The table, read backwards: [m, d or 2 d] -> [m, vocabulary]. In PS the other strand votes for the complement. */
function logits(vectors: Tensor, table: Tensor, config: CaduceusConfig): Tensor {
  const { complement, width, vocabularySize, tiedHead } = config;
  const graph = vectors.graph;
  const head = tiedHead ? table : graph.parameter(outputMatrix(config), [vocabularySize, width], normal(0.02));
  if (!complement) return linear(vectors, head, null);
  const [own, other] = op.split(vectors, 1, [width, width]);
  const complements = op.gather(head, graph.integers(complement)); // [vocabulary, d]
  return op.add(linear(own, head, null), linear(op.flip(other, 1), complements, null));
}

/** One strand, or the sequence and its reverse complement beside one another, each read from its own start. */
class Strands {
  private readonly lengths: Tensor;
  /** int64 [strands b] */
  private readonly allLengths: Tensor;

  constructor(
    private readonly graph: Graph,
    mask: Tensor,
    private readonly complement: readonly number[] | undefined,
  ) {
    this.lengths = op.reduceSum(mask, [1]); // int64 [b]
    this.allLengths = complement ? op.concat([this.lengths, this.lengths], 0) : this.lengths;
  }

  /** ids int64 [b, t] -> [t, strands, b] */
  tokens(ids: Tensor): Tensor {
    const forwards = op.transpose(ids, [1, 0]); // [t, b]
    if (!this.complement) return op.unsqueeze(forwards, [1]);
    const backwards = op.reverseSequence(op.gather(this.graph.integers(this.complement), forwards), this.lengths);
    return op.concat([op.unsqueeze(forwards, [1]), op.unsqueeze(backwards, [1])], 1);
  }

  /** Every row from its last real token to its first. [t, strands, b, d] */
  reversed(x: Tensor): Tensor {
    const rows = op.reshape(x, [0, -1, x.shape[3]]); // [t, strands b, d]
    return op.reshapeLike(op.reverseSequence(rows, this.allLengths), x);
  }

  /** Each strand as the other sees it: strands, positions and channels turned round. [t, 2, b, d] */
  exchanged(x: Tensor): Tensor {
    return this.reversed(op.flip(op.flip(x, 1), 3));
  }

  /** Back to one vector per token, the second strand's channels turned round: [t, strands, b, d] -> [b, t, strands d]. */
  joined(x: Tensor): Tensor {
    if (!this.complement) return op.transpose(op.squeeze(x, [1]), [1, 0, 2]);
    const [own, other] = op.split(x, 1, [1, 1]).map((strand) => op.squeeze(strand, [1])); // [t, b, d] each
    const turned = op.flip(op.reverseSequence(other, this.lengths), 2);
    return op.transpose(op.concat([own, turned], 2), [1, 0, 2]);
  }
}
