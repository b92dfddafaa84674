/** From a cell and what came of it to the document that is stored: see `result.ts`. */

import { UsageError } from '../../core/errors.ts';
import type { PlanEnvironment } from '../cells/key.ts';
import type { Cell } from '../cells/plan.ts';
import type { Found } from '../definitions.ts';
import type { TimedOutcome } from '../workers/jobs.ts';
import { RESULT_SCHEMA, type Result } from './result.ts';

/** What came of a cell: numbers, or an error. */
export type Ending = { readonly outcome: TimedOutcome } | { readonly error: Error };

/** The result document of a cell, without its predictions, which the store adds. */
export function resultDocument(
  cell: Cell,
  environment: PlanEnvironment,
  ending: Ending,
  startedAt: Date,
  finishedAt: Date,
): Omit<Result, 'predictions'> {
  const { id, title, kind, metric, hash, classes, sizes, citation, licence } = cell.task.description;
  const common: Omit<Result, 'predictions' | 'status' | 'contender' | 'scores' | 'validationScore' | 'details'> = {
    schema: RESULT_SCHEMA,
    key: cell.key,
    task: {
      ...{ id, title, kind, metric, hash, citation, licence },
      classes: [...classes],
      trainSize: sizes.train,
      validSize: sizes.valid,
      testSize: sizes.test,
    },
    probe: cell.probe,
    seed: cell.seed,
    environment: {
      ...{ device: environment.device, precision: environment.precision, threads: environment.threads },
      effort: environment.effort,
      node: process.version,
      platform: `${process.platform}/${process.arch}`,
      packages: { ...environment.packages },
      codeHash: environment.codeHash,
    },
    timings: {
      seconds: 'outcome' in ending ? ending.outcome.seconds : (finishedAt.getTime() - startedAt.getTime()) / 1000,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
    },
  };
  if ('error' in ending) {
    const { stack } = ending.error;
    const hint = ending.error instanceof UsageError ? ending.error.hint : undefined;
    const message = hint ? `${ending.error.message}. ${hint}` : ending.error.message;
    return {
      ...common,
      status: 'failed',
      error: { message, stack },
      contender: { ...contenderPart(cell.contender), stochastic: cell.stochastic },
      scores: {},
      validationScore: null,
      details: {},
    };
  }
  const { scores, validationScore, interval, details, fingerprint, card, diagnostics } = ending.outcome;
  return {
    ...common,
    status: 'done',
    contender: {
      ...contenderPart(cell.contender),
      stochastic: cell.stochastic,
      fingerprint,
      card: card && { ...card },
    },
    scores: { ...scores },
    validationScore,
    interval,
    diagnostics,
    details: { ...details },
  };
}

function contenderPart(contender: Found<'baseline' | 'model'>): Result['contender'] {
  const { id, title, description, citation, version, options } = contender.definition;
  const common = { id, title, description, citation, version, options: { ...options } };
  if (contender.type === 'baseline') {
    return { ...common, kind: 'baseline', family: (contender as Found<'baseline'>).definition.family };
  }
  const { kind, family, licence } = (contender as Found<'model'>).definition;
  // An encoder that learned nothing, or learned from labels, is compared as the baseline that it is.
  return { ...common, ...(family ? { kind: 'baseline', family } : { kind }), licence };
}
