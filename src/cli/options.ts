/**
 * Flags that several commands share, and the conversion of their text to settings. An error names
 * the flag.
 */
import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { TASK_KINDS } from '../core/matrix.ts';
import type { RunOptions } from '../harness/run.ts';
import type { AdhocOptions } from '../harness/tasks/ad-hoc-task.ts';
import { METRIC_NAMES, type MetricName } from '../metrics/metric.ts';
import { DEVICES } from '../runtime/device.ts';
import type { AlphabetPolicy } from '../sequences/labelled-sequence.ts';
import { ON_BAD_ROW, type OnBadRow } from '../sequences/row-faults.ts';
import { didYouMean } from '../sequences/sequence-error.ts';

const GAPS = ['remove', 'n', 'error'] as const;
const UNKNOWN = ['n', 'error'] as const;
const ALPHABETS = ['dna', 'rna'] as const;

/** Parsed flags of {@link sequenceFileOptions}. */
export interface SequenceFileFlags {
  readonly alphabet?: string;
  readonly gaps?: string;
  readonly unknown?: string;
  readonly onBadRow?: string;
}

/** Parsed flags of {@link dataOptions}. */
export interface DataFlags extends SequenceFileFlags {
  readonly data?: string;
  readonly taskId?: string;
  readonly sequence?: string;
  readonly label?: string;
  readonly id?: string;
  readonly columns?: string;
  readonly format?: string;
  readonly kind?: string;
  readonly metric?: string;
  readonly split?: string;
  readonly positive?: string;
  readonly separator?: string;
  readonly labelPattern?: string;
  readonly labelTable?: string;
  readonly testGroups?: string;
  readonly validGroups?: string;
}

/** Parsed flags of {@link comparisonOptions} and {@link dataOptions}. */
export interface ComparisonFlags extends DataFlags {
  readonly suite?: string;
  readonly task?: string[];
  readonly contender?: string[];
  readonly model?: string[];
  readonly probe?: string[];
  readonly seeds?: number;
  readonly device?: string;
  readonly jobs?: number;
  readonly threads?: number;
  readonly effort?: number;
  readonly dataFolder?: string;
  readonly cacheFolder?: string;
  readonly download?: boolean;
}

/** Parser of a flag that takes a whole number of at least 1. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= 1) return value;
    throw new UsageError(`--${flag} ${text}: must be a whole number of at least 1`);
  };
}

export function positiveNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
    throw new UsageError(`--${flag} ${text}: must be a number above 0`);
  };
}

/** A value of a fixed set, or undefined. */
function oneOf<T extends string>(flag: string, text: string | undefined, values: readonly T[]): T | undefined {
  if (text === undefined || (values as readonly string[]).includes(text)) return text as T | undefined;
  throw new UsageError(
    `--${flag} ${text} is not known${didYouMean(text, values)}`,
    `Use one of: ${values.join(', ')}.`,
  );
}

/** Flags of every command that reads sequences from a file. */
export function sequenceFileOptions(command: Command): Command {
  return command
    .option('--alphabet <name>', 'dna (default) or rna')
    .option('--gaps <policy>', '"-" and "." inside sequences: remove, n, or error (default)')
    .option('--unknown <policy>', 'letters outside IUPAC: n, or error (default)')
    .option('--on-bad-row <policy>', 'rows that cannot be read: skip (counted and listed), or error (default)');
}

/** Flags for data without a plugin. */
export function dataOptions(command: Command): Command {
  const own = command
    .optionsGroup('Your own data:')
    .option(
      '--data <path>',
      'a file, or a folder with train/dev/test files (CSV, TSV, JSONL, Parquet, FASTA; also .gz)',
    )
    .option('--task-id <name>', 'name of the task on the board (default: of the file, and of the label column)')
    .option('--sequence <column>', 'column of the sequence (default: a usual name)')
    .option('--label <column>', 'column of the label; several with commas between; in FASTA a header key')
    .option('--kind <kind>', 'binary, multiclass, multilabel or regression (default: guessed, and stated)')
    .option('--metric <name>', 'primary metric (default: mcc; macroF1 for multilabel, pearson for regression)')
    .option('--split <method>', 'stratified, random, cluster, group:COLUMN, or column:COLUMN holding the split itself')
    .option('--test-groups <names>', 'with --split group:COLUMN: the groups of the test rows, with commas between')
    .option('--valid-groups <names>', 'the same for the validation rows (default: drawn)')
    .option('--positive <label>', 'binary: the label that counts as positive (default: the later in order)')
    .option('--id <column>', 'column of the id')
    .option('--columns <names>', 'CSV or TSV without a header line: names of its columns, with commas between')
    .option('--format <format>', 'fasta, csv, tsv, jsonl or parquet (default: by the ending)')
    .option('--separator <text>', 'multilabel: separator between labels (default ";")')
    .option('--label-pattern <regex>', 'FASTA: the first group, found in the header, is the label')
    .option('--label-table <file>', 'FASTA: a table with the id and the label of every sequence');
  return sequenceFileOptions(own);
}

/** Flags that choose what is compared, and on which machine. */
export function comparisonOptions(command: Command): Command {
  return command
    .optionsGroup('What is compared:')
    .option('--suite <name>', 'a suite of benchmarks/ (default: default)')
    .option('--task <id...>', "tasks: ids, plugin files or npm packages, instead of the suite's")
    .option(
      '--contender <id...>',
      "baselines and models: ids, plugin files or paths of models, instead of the suite's; NAME=PATH gives one a name",
    )
    .option(
      '--model <id...>',
      "models (ids; folders or files of weights, .onnx, .npy, .parquet; NAME=PATH gives one a name; after a name +rc: both strands, +w510: long sequences in windows, +random: the control with random weights) in addition to the contenders; alone: in addition to the suite's baselines",
    )
    .option('--probe <id...>', "probes for models, instead of the suite's")
    .option('--seeds <n>', "seeds of stochastic contenders, instead of the suite's number", wholeNumber('seeds'))
    .option(
      '--effort <x>',
      "compute relative to the full recipes, e.g. 0.3 for a quick look, instead of the suite's",
      positiveNumber('effort'),
    )
    .optionsGroup('Where it runs:')
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--jobs <n>', 'processes at a time (default: cores, at most 8; one on a GPU)', wholeNumber('jobs'))
    .option('--threads <n>', 'threads per process (default: the cores, shared)', wholeNumber('threads'))
    .option('--data-folder <dir>', 'folder of real data sets (default: the environment variable GLM_BENCH_DATA)')
    .option('--cache-folder <dir>', 'where embeddings and weights are kept (default: .cache, or GLM_BENCH_CACHE)')
    .option('--download', 'download missing data sets from the source that their task names');
}

/** The task of `--data` and related flags, or undefined without `--data`. */
export function adhocOptions(flags: DataFlags): AdhocOptions | undefined {
  const { data, taskId, sequence, label, id, columns, format, split, positive, separator, labelPattern, labelTable } =
    flags;
  if (data === undefined) {
    const given = Object.entries({
      taskId,
      sequence,
      label,
      id,
      columns,
      format,
      split,
      positive,
      separator,
      labelPattern,
      labelTable,
      kind: flags.kind,
      testGroups: flags.testGroups,
      validGroups: flags.validGroups,
      alphabet: flags.alphabet,
      gaps: flags.gaps,
      unknown: flags.unknown,
      onBadRow: flags.onBadRow,
    });
    const lonely = given.find(([, value]) => value !== undefined);
    if (!lonely) return undefined;
    const flag = lonely[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${flag} describes data, but there is no --data PATH`);
  }
  return {
    ...{ data, taskId, sequence, label, id, columns, format, split, positive, separator, labelPattern, labelTable },
    kind: oneOf('kind', flags.kind, TASK_KINDS),
    metric: oneOf<MetricName>('metric', flags.metric, METRIC_NAMES),
    ...sequenceFilePolicy(flags),
    testGroups: namesIn(flags.testGroups),
    validGroups: namesIn(flags.validGroups),
  };
}

function namesIn(text: string | undefined): string[] | undefined {
  return text?.split(',').map((name) => name.trim());
}

/** Settings of the flags of {@link sequenceFileOptions}. */
export function sequenceFilePolicy(flags: SequenceFileFlags): { alphabet?: AlphabetPolicy; onBadRow?: OnBadRow } {
  return { alphabet: alphabetPolicy(flags), onBadRow: oneOf('on-bad-row', flags.onBadRow, ON_BAD_ROW) };
}

function alphabetPolicy(flags: SequenceFileFlags): AlphabetPolicy | undefined {
  const alphabet = oneOf('alphabet', flags.alphabet, ALPHABETS);
  const gaps = oneOf('gaps', flags.gaps, GAPS);
  const unknown = oneOf('unknown', flags.unknown, UNKNOWN);
  return alphabet || gaps || unknown ? { alphabet: alphabet ?? 'dna', gaps, unknown } : undefined;
}

/** Converts flags to the request of the harness. */
export function runOptions(flags: ComparisonFlags): RunOptions {
  const {
    suite,
    task,
    contender,
    model,
    probe,
    seeds,
    effort,
    device,
    jobs,
    threads,
    dataFolder,
    cacheFolder,
    download,
  } = flags;
  return {
    ...{ suite, tasks: task, contenders: contender, models: model, probes: probe, seeds, effort },
    device: oneOf('device', device, ['auto', ...DEVICES]),
    ...{ jobs, threads, dataFolder, cacheFolder, allowDownload: download ?? false },
    data: adhocOptions(flags),
  };
}
