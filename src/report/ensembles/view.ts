/** Documents of ensembles as rows of tables, for the terminal and the page alike: which numbers are shown, in which order, with which words. */
import type { EnsembleDocument, StoredEstimate, StoredForm } from '../../ensembles/document.ts';
import { figure } from '../diagnostics/view.ts';
import { MISSING } from '../formats/numbers.ts';

/** Neighbours of the numbers in tables; curves have all. */
export const TABLE_NEIGHBOURS = 10;

export interface EnsembleMeasure {
  readonly id: string;
  readonly name: string;
  readonly of: (document: EnsembleDocument) => StoredEstimate | undefined;
  /** Begins a group of rows. */
  readonly first?: boolean;
}

const neighbours = (document: EnsembleDocument) =>
  document.staticEmbeddings?.neighbours.find(({ k }) => k === TABLE_NEIGHBOURS);
const lastLayer = (document: EnsembleDocument) => document.contextual?.layers.at(-1);
const predicted =
  (name: keyof NonNullable<EnsembleDocument['predictions']>['measures']) => (document: EnsembleDocument) =>
    document.predictions?.measures[name];

/** Share of the Fisher information in a part, by the names of `summary.ts`. */
export const sectionShare = (form: StoredForm | undefined, name: string): StoredEstimate | undefined =>
  form?.sections.find((section) => section.name === name)?.share;

export const ENSEMBLE_MEASURES: readonly EnsembleMeasure[] = [
  { id: 'entropy', name: 'Entropy, bits per token', of: predicted('entropyBits'), first: true },
  { id: 'normalised-entropy', name: 'Entropy / log2 of the vocabulary', of: predicted('normalisedEntropy') },
  { id: 'kl', name: 'KL(model || uniform), bits per token', of: predicted('klModelToUniformBits') },
  { id: 'kl-uniform', name: 'KL(uniform || model), bits per token', of: predicted('klUniformToModelBits') },
  { id: 'nll', name: 'Negative log-likelihood, bits per token', of: predicted('nllBits') },
  { id: 'perplexity', name: 'Perplexity', of: predicted('perplexity') },
  { id: 'top1', name: 'Top-1 accuracy', of: predicted('top1') },
  { id: 'calibration', name: 'Expected calibration error', of: predicted('calibrationError') },
  { id: 'entropy-letter', name: 'Entropy, bits per letter', of: predicted('entropyBitsPerLetter'), first: true },
  { id: 'kl-letter', name: 'KL(model || uniform), bits per letter', of: predicted('klModelToUniformBitsPerLetter') },
  { id: 'nll-letter', name: 'Negative log-likelihood, bits per letter', of: predicted('nllBitsPerLetter') },
  {
    id: 'jsd',
    name: 'Jensen-Shannon distance of members',
    of: ({ predictions }) => predictions?.nucleus.find(({ p }) => p === 1)?.jensenShannonDistance,
    first: true,
  },
  { id: 'agreement', name: 'Top-1 agreement of members', of: ({ predictions }) => predictions?.top1Agreement },
  { id: 'information', name: 'Mutual information, bits', of: ({ predictions }) => predictions?.mutualInformationBits },
  {
    id: 'jaccard',
    name: `Static: shared ${TABLE_NEIGHBOURS} nearest tokens (Jaccard)`,
    of: (document) => neighbours(document)?.jaccard,
    first: true,
  },
  {
    id: 'spearman',
    name: `Static: local Spearman, ${TABLE_NEIGHBOURS} nearest`,
    of: (document) => neighbours(document)?.localSpearman,
  },
  { id: 'disparity', name: 'Static: Procrustes disparity', of: ({ staticEmbeddings }) => staticEmbeddings?.disparity },
  {
    id: 'aligned-cosine',
    name: 'Static: cosine once aligned',
    of: ({ staticEmbeddings }) => staticEmbeddings?.alignedCosine,
  },
  { id: 'linear-cka', name: 'Static: linear CKA', of: ({ staticEmbeddings }) => staticEmbeddings?.linearCka },
  { id: 'rbf-cka', name: 'Static: RBF CKA', of: ({ staticEmbeddings }) => staticEmbeddings?.rbfCka },
  {
    id: 'context-cka',
    name: 'Last layer: linear CKA of members',
    of: (document) => lastLayer(document)?.cka,
    first: true,
  },
  {
    id: 'context-overlap',
    name: 'Last layer: shared nearest windows',
    of: (document) => lastLayer(document)?.neighbourOverlap,
  },
  {
    id: 'context-rank',
    name: 'Last layer: effective rank',
    of: (document) => lastLayer(document)?.pooled.effectiveRank,
  },
  {
    id: 'fisher',
    name: 'Fisher share of embeddings, batch mean',
    of: ({ fisher }) => sectionShare(fisher?.batchMean, 'embeddings'),
    first: true,
  },
  {
    id: 'fisher-token',
    name: 'Fisher share of embeddings, per token',
    of: ({ fisher }) => sectionShare(fisher?.perToken, 'embeddings'),
  },
  {
    id: 'fisher-lookup',
    name: 'Fisher share of embeddings as a look-up alone',
    of: ({ fisher }) => fisher?.batchMean.byRole?.sections.find((section) => section.name === 'embeddings')?.share,
  },
];

export function measureNamed(id: string): EnsembleMeasure {
  const found = ENSEMBLE_MEASURES.find((measure) => measure.id === id);
  if (!found) throw new Error(`there is no measure '${id}' of ensembles`);
  return found;
}

/** Mean, and half the width of the interval over members where there is one. */
export function withSpread(estimate: StoredEstimate | undefined): string {
  if (!estimate) return MISSING;
  const { low, high } = estimate.members ?? {};
  if (typeof low !== 'number' || typeof high !== 'number') return figure(estimate.mean);
  return `${figure(estimate.mean)} ± ${figure((high - low) / 2)}`;
}

/** Read without labels: English, DNA, or what the ensemble is called. */
export function isText({ ensemble, corpus }: EnsembleDocument): boolean {
  return ensemble.language === 'text' || (ensemble.language === null && corpus.kind === 'text');
}

/** Whether something was done to the corpus or the members, so that it stands for nothing but itself. */
export function isControl({ ensemble }: EnsembleDocument): boolean {
  return ensemble.control !== null && ensemble.control !== 'none';
}
