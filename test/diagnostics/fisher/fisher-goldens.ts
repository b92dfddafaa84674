/** The goldens of fisher.py: what PyTorch has of three tiny checkpoints (test/models/goldens/architectures), and those as models. */
import { readFileSync } from 'node:fs';
import type { FisherBatch } from '../../../src/diagnostics/fisher/batches.ts';
import { type DifferentiableModel, differentiableModel } from '../../../src/diagnostics/fisher/differentiable-model.ts';
import { empiricalFisher, type FisherForm, type FisherSummary } from '../../../src/diagnostics/fisher/fisher.ts';
import { architectureOf } from '../../../src/models/architectures/known-architectures.ts';
import { declarations } from '../../../src/models/frozen-model.ts';
import { findSource, takeSource } from '../../../src/models/weights.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { readGoldenFolder } from '../../models/architectures/parity.ts';

export interface GoldenBatch {
  readonly ids: number[][];
  readonly mask: number[][];
  readonly places: number[];
  readonly targets: number[];
}
export interface GoldenSaliency {
  readonly gradientTimesInput: number[][];
  readonly gradientNorm: number[][];
}
export interface FisherGolden {
  readonly batches: GoldenBatch[];
  readonly tokens: number;
  readonly loss: number;
  readonly batchMean: Readonly<Record<string, number>>;
  readonly perToken: Readonly<Record<string, number>>;
  readonly saliency: { readonly loss: GoldenSaliency; readonly logit: GoldenSaliency };
}

const file = (name: string) => new URL(`../goldens/${name}`, import.meta.url);
export const goldens = JSON.parse(readFileSync(file('fisher.json'), 'utf8')) as Record<string, FisherGolden>;
export const exportedBert = () => new Uint8Array(readFileSync(file('fisher.onnx')));

/** A checkpoint of test/models/goldens/architectures. */
export function goldenModel(name: string): DifferentiableModel {
  const { config, weights } = readGoldenFolder(name);
  const configured = architectureOf(config, name).configure(config, name);
  const { body, head = [] } = declarations(configured);
  const values = new Map(
    [...body, ...head].map(({ name: parameter }): [string, Float32Array] => {
      const source = findSource(parameter, configured, (candidate) => weights.has(candidate));
      const stored = source && weights.get(source.name);
      if (!stored) throw new Error(`${name} has no ${parameter}`);
      return [parameter, takeSource(stored, source).data];
    }),
  );
  return differentiableModel({
    label: name,
    wordTable: configured.wordTable,
    values,
    build(graph) {
      const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
      const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
      return { ...configured.build(graph, { ids, mask }, INFERENCE), attentionMask: mask };
    },
  });
}

const measured = new Map<string, Promise<FisherSummary>>();

/** All batches of a golden through its model; run once however often it is asked for. */
export function goldenFisher(name: string, form: FisherForm): Promise<FisherSummary> {
  const key = `${name} ${form}`;
  const batches = goldens[name].batches.map((batch) => askedBatch(batch));
  const made = measured.get(key) ?? empiricalFisher(goldenModel(name), batches, { form, device: 'cpu', threads: 1 });
  measured.set(key, made);
  return made;
}

/** `ids` and `mask`: the names of the feeds. */
export function askedBatch(
  { ids, mask, places, targets }: GoldenBatch,
  names = { ids: 'ids', mask: 'mask' },
): FisherBatch {
  const dims = [ids.length, ids[0].length];
  const int64 = (rows: number[][]) => ({ type: 'int64', data: BigInt64Array.from(rows.flat(), BigInt), dims }) as const;
  return {
    feeds: { [names.ids]: int64(ids), [names.mask]: int64(mask) },
    rows: dims[0],
    tokens: dims[1],
    places: Uint32Array.from(places),
    targets: Int32Array.from(targets),
  };
}
