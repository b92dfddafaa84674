/**
 * Distribution of the Fisher information of an ensemble's members over their parts (`fisher.ts`),
 * on the same windows with the same predicted tokens: shares of groups of parameters, mean and
 * standard deviation over members, with an interval over members. There is no interval over
 * windows: shares are of sums of squares of whole batches.
 */

import type { FisherSummary } from '../diagnostics/fisher/fisher.ts';
import { type ParameterInformation, parameterInformation } from '../diagnostics/fisher/parameter-information.ts';
import type { FisherPart, FisherView } from '../diagnostics/fisher/summary.ts';
import type { FrozenModel } from '../models/model.ts';
import type { Compute } from '../runtime/training/network.ts';
import { type Estimate, overMembers } from './intervals.ts';

/** One part of the model, over members. */
export interface EnsemblePart {
  /** Group, section, or part of all blocks. */
  readonly name: string;
  readonly parameters: number;
  readonly parameterShare: number;
  readonly share: Estimate;
  /** share / parameterShare */
  readonly density: Estimate;
}

export interface EnsembleView {
  readonly total: Estimate;
  readonly groups: readonly EnsemblePart[];
  readonly blockParts: readonly EnsemblePart[];
  /** The paper's parts. */
  readonly sections: readonly EnsemblePart[];
}

export interface EnsembleForm extends EnsembleView {
  readonly form: FisherSummary['form'];
  readonly windows: number;
  readonly tokens: number;
  /** Nats, mean over predicted tokens. */
  readonly loss: Estimate;
  /** With a tied word table: look-up and output matrix as two tables. */
  readonly byRole?: EnsembleView;
}

export interface EnsembleFisher {
  readonly batchMean: EnsembleForm;
  readonly perToken: EnsembleForm;
  readonly sampledShare: number;
}

export interface EnsembleFisherOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number) => void;
}

/**
 * @throws for a gradient that is not finite. `why`: the reason when the graph cannot be
 *   differentiated.
 */
export async function ensembleFisher(
  members: readonly FrozenModel[],
  windows: readonly string[],
  { progress, ...options }: EnsembleFisherOptions,
): Promise<EnsembleFisher | { readonly why: string }> {
  const measured: ParameterInformation[] = [];
  for (const model of members) {
    const report = (done: number) => progress?.((measured.length + done) / members.length);
    const found = await parameterInformation(model, windows, { ...options, progress: report });
    if ('why' in found) return found;
    measured.push(found);
  }
  return {
    batchMean: formOver(measured.map(({ batchMean }) => batchMean)),
    perToken: formOver(measured.map(({ perToken }) => perToken)),
    sampledShare: measured[0].sampledShare,
  };
}

function formOver(members: readonly FisherSummary[]): EnsembleForm {
  const [{ form, windows, tokens }] = members;
  const roles = members.flatMap(({ byRole }) => (byRole ? [byRole] : []));
  return {
    ...{ form, windows, tokens },
    loss: overMembers(members.map(({ loss }) => loss)),
    ...viewOver(members),
    ...(roles.length === members.length && { byRole: viewOver(roles) }),
  };
}

function viewOver(members: readonly FisherView[]): EnsembleView {
  return {
    total: overMembers(members.map(({ total }) => total)),
    groups: partsOver(members.map(({ groups }) => groups.map((part) => ({ ...part, name: part.group })))),
    blockParts: partsOver(members.map(({ blockParts }) => blockParts.map((part) => ({ ...part, name: part.part })))),
    sections: partsOver(members.map(({ sections }) => sections.map((part) => ({ ...part, name: part.section })))),
  };
}

/** `[members][parts]`, the same parts in all. */
function partsOver(members: readonly (readonly (FisherPart & { readonly name: string })[])[]): EnsemblePart[] {
  return members[0].map(({ name, parameters, parameterShare }, i) => ({
    ...{ name, parameters, parameterShare },
    share: overMembers(members.map((parts) => parts[i].share)),
    density: overMembers(members.map((parts) => parts[i].density)),
  }));
}
