/**
 * Is a task plugin fit to be run? Its schema is checked, its data are loaded, split, encoded and audited, and a mock contender
 * that knows only class frequencies goes through the same code that real contenders do, end to end, within seconds.
 */
import { type Predictions, TASK_KINDS } from '../../core/matrix.ts';
import { auditSplits, describeAudit } from '../../quality/audit.ts';
import { runBaseline } from '../cells/cell.ts';
import { codeHash } from '../cells/source-hash.ts';
import { type BaselineDefinition, defineBaseline, type FitTask, type TaskContext } from '../contracts.ts';
import { findTasks } from '../definitions.ts';
import { prepareTask, sizesOf } from './prepare.ts';

export interface ValidationReport {
  readonly task: string;
  readonly hash: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly classes: readonly string[];
  readonly audit: unknown;
  /** Scores of the mock contender on the test rows. */
  readonly mockScores: Readonly<Record<string, number | null>>;
}

/** Checks every task of a file (or id). Throws what is wrong; tells each step that passed to `say`. */
export async function validateTaskFile(
  spec: string,
  context: TaskContext,
  say: (line: string) => void,
): Promise<ValidationReport[]> {
  const reports: ValidationReport[] = [];
  for (const { definition } of await findTasks(spec)) {
    say(`${definition.id}: the definition is complete`);
    const task = await prepareTask(definition, context);
    const again = await prepareTask(definition, context);
    if (again.hash !== task.hash) {
      throw new Error(`task ${definition.id}: loading it twice gave different rows; order and seeds must be fixed`);
    }
    const sizes = sizesOf(task);
    const counts = Object.entries(sizes).map(([name, rows]) => `${rows} ${name}`);
    say(
      `${definition.id}: ${counts.join(', ')} rows (split: ${task.splitDescription}); loading it again gives the same`,
    );
    const audit = auditSplits(task.rows, definition.kind);
    for (const line of describeAudit(audit)) say(`  ${line}`);
    const settings = {
      seed: 0,
      device: 'cpu',
      threads: 1,
      effort: 1,
      cacheFolder: context.cacheFolder,
      codeHash: await codeHash(),
      progress: () => {},
    };
    const { scores } = await runBaseline(task, mock, settings);
    say(
      `${definition.id}: a mock contender ran end to end (${definition.metric} ${scores[definition.metric] ?? 'undefined'})`,
    );
    reports.push({
      task: definition.id,
      hash: task.hash,
      sizes,
      classes: task.classes,
      audit,
      mockScores: { ...scores },
    });
  }
  return reports;
}

/**
 * Predicts what is most frequent in the training rows, tilted a little by GC content so that rank scores are defined; clusters by GC content
 * alone.
 */
const mock: BaselineDefinition = defineBaseline({
  id: 'mock',
  title: 'Mock',
  citation: '-',
  family: 'chance',
  kinds: TASK_KINDS,
  version: '1',
  stochastic: false,
  options: {},
  async fit(task: FitTask, context) {
    if (task.definition.kind === 'clustering') {
      const predict = (sequences: readonly string[]) => clustersByContent(sequences, task.outputs);
      const validationScore = context.validationScore(task.valid.targets, predict(task.valid.sequences));
      return { predict: async (sequences) => predict(sequences), validationScore, details: {} };
    }
    const means = columnMeans(task);
    const spread = task.definition.kind === 'regression' ? 1 : 0.05;
    const predict = (sequences: readonly string[]): Predictions => {
      const values = new Float64Array(sequences.length * task.outputs); // [sequences, outputs]
      for (const [r, sequence] of sequences.entries()) {
        const gc = contentOf(sequence);
        const row = means.map((mean, c) => mean * (1 - spread) + spread * (c % 2 === 0 ? 1 - gc : gc));
        const sum = row.reduce((a, b) => a + b, 0);
        const classes = task.definition.kind === 'binary' || task.definition.kind === 'multiclass';
        values.set(classes ? row.map((value) => value / sum) : row, r * task.outputs);
      }
      return { rows: sequences.length, columns: task.outputs, values };
    };
    const validationScore = context.validationScore(task.valid.targets, predict(task.valid.sequences));
    return { predict: async (sequences) => predict(sequences), validationScore, details: {} };
  },
});

/** Share of G and C. */
const contentOf = (sequence: string): number => (sequence.match(/[GC]/g)?.length ?? 0) / sequence.length;

/** Rows in order of their GC content, cut into as many clusters of equal size as are wanted. `[rows, 1]` */
function clustersByContent(sequences: readonly string[], clusters: number): Predictions {
  const rows = sequences.length;
  const content = sequences.map(contentOf);
  const order = [...content.keys()].sort((a, b) => content[a] - content[b] || a - b);
  const values = new Float64Array(rows);
  for (const [rank, row] of order.entries()) values[row] = Math.floor((rank * clusters) / rows);
  return { rows, columns: 1, values };
}

/** Class frequencies, label frequencies, or means of targets. */
function columnMeans({ train, outputs, definition }: FitTask): number[] {
  const { rows, columns, values } = train.targets;
  const means = new Array<number>(outputs).fill(0);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (definition.kind === 'binary' || definition.kind === 'multiclass') means[values[r]] += 1 / rows;
      else means[c] += values[r * columns + c] / rows;
    }
  }
  return means;
}
