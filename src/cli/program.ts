/**
 * The commands, their flags and help. The module of a command is imported when the command runs, so
 * that `--help` is fast.
 */
import { Command } from 'commander';
import { comparisonOptions, dataOptions, sequenceFileOptions, wholeNumber } from './options.ts';

const JSON_FLAG = ['--json', 'print one JSON document on standard output, words on standard error'] as const;

const EXAMPLES = `
Examples:
  npm run bench                                        the default suite: models and baselines on generated tasks
  npm run bench -- --data my.csv --sequence seq --label class      your own data against every baseline
  npm run bench -- run --task tasks/mine.ts --contender one-hot-chip-cnn kmer-logistic --seeds 3 --out runs/mine
  npm run bench -- run --task ./my-task.ts --model ./checkpoint    a model against the one-hot baselines
  npm run bench -- tasks validate ./my-task.ts         is my plugin fit to be run?
  npm run bench -- plan                                what would be computed
  npm run bench -- report runs/mine                    write and show the leaderboard again

A run that was interrupted continues when the same command is given again; finished cells are never computed twice.
Where the package is installed, glm-bench is the same as npm run bench --
Exit codes: 0 done; 1 a cell failed (the rest finished, the failure is in the report); 2 wrong usage or bad input.`;

/**
 * Names that the help of `pretrain` and `ensemble` lists. Empty for other commands, because their
 * modules take long to load.
 */
async function listedNames(words: readonly string[]) {
  const [parts, ensembles, objectives, presets] = await Promise.all([
    words.includes('pretrain') ? import('../barcodes/splits.ts') : { BARCODE_PARTS: [] },
    words.includes('ensemble') ? import('../ensembles/config.ts') : { ENSEMBLE_CONTROLS: {}, ENSEMBLE_PRESETS: {} },
    words.includes('pretrain') ? import('../pretraining/masking.ts') : { OBJECTIVES: [] },
    words.includes('pretrain') ? import('../pretraining/presets.ts') : { PRESETS: {} },
  ]);
  return { ...parts, ...ensembles, ...objectives, ...presets };
}

/** Builds the command line for these words. Commands pass their exit code to `finish`. */
export async function createProgram(words: readonly string[], finish: (code: number) => void): Promise<Command> {
  const { BARCODE_PARTS, ENSEMBLE_CONTROLS, ENSEMBLE_PRESETS, OBJECTIVES, PRESETS } = await listedNames(words);
  const program = new Command('bench')
    .description(
      'Does a frozen genomic language model represent DNA better than one-hot encoding? Measured, not guessed.',
    )
    .addHelpText('after', EXAMPLES)
    .option('--debug', 'show stack traces of errors')
    .exitOverride()
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true });
  /** Subcommands inherit neither exitOverride nor the output of errors. */
  const command = (parent: Command, name: string, description: string, options?: { isDefault: boolean }) =>
    parent.command(name, options).description(description).exitOverride().allowExcessArguments(false);

  const run = command(program, 'run', 'run a comparison and write its leaderboard (the default command)', {
    isDefault: true,
  });
  dataOptions(comparisonOptions(run))
    .optionsGroup('Results:')
    .option('--out <dir>', 'results folder (default: runs/<suite>)')
    .option('--include-failed', 'count tasks that fail their audit in counts and means over tasks')
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/run.ts')).runCommand(flags)));

  const plan = command(program, 'plan', 'show which cells `run` would compute, computing none');
  dataOptions(comparisonOptions(plan))
    .optionsGroup('Results:')
    .option('--out <dir>', 'results folder to compare with')
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/plan.ts')).planCommand(flags)));

  command(program, 'report', 'write and show the leaderboard of a results folder again')
    .argument('<folder>', 'the --out folder of a run')
    .option('--title <text>', 'title of the page')
    .option('--include-failed', 'count tasks that fail their audit in counts and means over tasks')
    .option(...JSON_FLAG)
    .action(async (folder, flags) => finish(await (await import('./commands/report.ts')).reportCommand(folder, flags)));

  const tasks = command(program, 'tasks', 'list, show, audit or validate tasks');
  command(tasks, 'list', 'the tasks that ship with the package', { isDefault: true })
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/tasks.ts')).listTasks(flags)));
  const onTask = (name: 'show' | 'audit' | 'clean', description: string) =>
    dataOptions(command(tasks, name, description).argument('[task]', 'id, plugin file or npm package'))
      .optionsGroup('Options:')
      .option('--data-folder <dir>', 'where real data sets lie (default: GLM_BENCH_DATA)')
      .option('--cache-folder <dir>', 'where downloads are kept')
      .option('--download', 'fetch a data set that is missing')
      .option(...JSON_FLAG);
  onTask('show', 'a task: kind, sizes, classes, split, first rows').action(async (task, flags) =>
    finish(await (await import('./commands/tasks.ts')).showTask(task, flags)),
  );
  onTask('audit', 'leaks, shortcuts, constructed negatives, label noise; exit code 3 where a check fails')
    .option('--fail-on <verdict>', 'end with exit code 3 from this verdict on: warn or fail (default: fail)')
    .option('--genome <file>', 'reference genome (FASTA, also .gz): is membership in it the label?')
    .option('--against <task...>', 'other tasks whose rows are sought among these rows')
    .option('--homology', 'also align test rows with training rows (slow)')
    .action(async (task, flags) => finish(await (await import('./commands/tasks-audit.ts')).auditCommand(task, flags)));
  onTask('clean', 'write the task without its leaks: rows that belong together in one split, a manifest of every row')
    .requiredOption('--out <dir>', 'a new folder for the rows and the manifest')
    .option(
      '--twins <policy>',
      'dinucleotide twins: together in one split, or remove those of different labels',
      'together',
    )
    .option('--homology', 'also keep homologues together (local alignment; slow)')
    .option('--resplit', 'divide the rows anew instead of moving groups to the split that has most of their rows')
    .action(async (task, flags) => finish(await (await import('./commands/tasks-clean.ts')).cleanTask(task, flags)));
  command(tasks, 'validate', 'check a plugin: schema, data, audit, and a mock contender end to end')
    .argument('<file>', 'plugin file')
    .option('--data-folder <dir>', 'where real data sets lie (default: GLM_BENCH_DATA)')
    .option('--cache-folder <dir>', 'where downloads are kept')
    .option('--download', 'fetch a data set that is missing')
    .option(...JSON_FLAG)
    .action(async (file, flags) => finish(await (await import('./commands/tasks.ts')).validateTask(file, flags)));

  const models = command(program, 'models', 'list, inspect, verify or fetch models');
  command(models, 'list', 'every contender, the probes, and the architectures of checkpoints', { isDefault: true })
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/models-list.ts')).listContenders(flags)));
  command(models, 'inspect', 'what a model is and needs, from its files; exit code 1 where something is missing')
    .argument('<model>', 'folder, file, or the hub name of a model that was fetched')
    .option('--sequences <file>', 'measure tokens per base on these too: FASTA, CSV, TSV, JSONL or Parquet; also .gz')
    .option('--column <name>', 'column of the sequence (default: a usual name)')
    .option(...JSON_FLAG)
    .action(async (model, flags) =>
      finish(await (await import('./commands/models-inspect.ts')).inspectCommand(model, flags)),
    );
  command(
    models,
    'verify',
    'embed a fixed set of sequences and compare with a stored fingerprint; exit code 1 if other',
  )
    .argument('<model>', 'folder, file, or the hub name of a model that was fetched')
    .option('--fingerprint <file>', 'what to compare with (default: MODEL.fingerprint.json beside the model)')
    .option('--write', 'store the fingerprint instead, where the model is known to be right')
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (model, flags) =>
      finish(await (await import('./commands/models-verify.ts')).verifyModel(model, flags)),
    );
  command(models, 'fetch', 'download a model of the Hugging Face hub: config, tokenizer, weights in one format')
    .argument('<name>', 'organisation/name, as on the hub')
    .option('--revision <commit>', 'commit, branch or tag (default: the one fetched before, else main)')
    .option('--sha256 <file=hash...>', 'what files must be; else what the hub states is checked')
    .option('--endpoint <url>', 'a mirror (default: HF_ENDPOINT, else the hub); HF_TOKEN is sent to it')
    .option('--cache-folder <dir>', 'where it is kept (default: .cache, or GLM_BENCH_CACHE)')
    .option(...JSON_FLAG)
    .action(async (name, flags) =>
      finish(await (await import('./commands/models-fetch.ts')).fetchCommand(name, flags)),
    );

  const embed = command(
    program,
    'embed',
    'vectors of a frozen model for every sequence of a file, as .npy (float32, rows in file order)',
  )
    .requiredOption(
      '--model <path>',
      'folder of a checkpoint, such as `pretrain` writes; a file (weights, .onnx); or the hub name of one fetched',
    )
    .requiredOption('--sequences <file>', 'FASTA, CSV, TSV, JSONL or Parquet; also .gz')
    .requiredOption('--out <file.npy>', 'where the matrix goes')
    .option('--layer <n>', '0 is the embedding layer (default: the last block)')
    .option(
      '--pool <how>',
      'mean, max or first token, under the attention mask; frames: mean over all reading frames',
      'mean',
    )
    .option('--column <name>', 'column of the sequence (default: a usual name)');
  sequenceFileOptions(embed)
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/embed.ts')).embedCommand(flags)));

  const pretraining = command(
    program,
    'pretrain',
    'pre-train an encoder on sequences without labels; continues where it was cut off',
  )
    .requiredOption('--config <name>', `a preset (${Object.keys(PRESETS).join(', ')}) or a .json file of its fields`)
    .requiredOption(
      '--sequences <file...>',
      'unlabelled sequences: FASTA, CSV, TSV, JSONL or Parquet; also .gz; streamed',
    )
    .requiredOption('--out <folder>', 'where the model goes; use it with run --model FOLDER')
    .option('--overwrite', 'replace a finished model in --out that was trained with other settings')
    .option('--objective <name>', `over the preset: ${OBJECTIVES.join(', ')}`)
    .option(
      '--tokenizer <path>',
      'tokens of a tokenizer.json (BPE, ...), or of the folder with one, in place of k-mers',
    )
    .option('--exclude <file...>', 'leave out sequences that occur in these files, such as test sets')
    .option('--keep-duplicates', 'identical sequences count each time (default: once)')
    .option('--column <name>', 'column of the sequence (default: a usual name)');
  sequenceFileOptions(pretraining)
    .option('--barcodes', 'the files are barcode collections (BIOSCAN-5M, BOLD): rows that are no barcode are counted')
    .option('--marker <name...>', 'markers taken from collections, or any (default: COI-5P)')
    .option('--part <name>', `a part of collections that say their split: ${BARCODE_PARTS.join(', ')}`)
    .option('--seed <n>', 'of weights, masks and order (default: 0)')
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/pretrain.ts')).pretrainCommand(flags)));

  command(
    program,
    'diagnose',
    'what a model predicts on a corpus without labels, against n-gram floors and shuffled windows',
  )
    .requiredOption(
      '--model <path>',
      'a folder with a checkpoint, a file of weights, .onnx, or the hub name of one fetched',
    )
    .requiredOption('--corpus <file>', 'FASTA or plain text; also .gz')
    .requiredOption('--out <folder>', 'where diagnostics.json and diagnostics.html go')
    .option('--sequences <n>', 'windows of the corpus to measure on (default: 256)', wholeNumber('sequences'))
    .option('--seed <n>', 'of windows, hidden tokens and shuffles (default: 0)')
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/diagnose.ts')).diagnoseCommand(flags)));

  command(
    program,
    'ensemble',
    'matched models on text or DNA, differing in their weights alone; continues where it was cut off',
  )
    .requiredOption(
      '--config <name>',
      `a preset (${Object.keys(ENSEMBLE_PRESETS).join(', ')}) or a .json file of fields over one`,
    )
    .requiredOption('--corpus <file...>', 'FASTA (genomes in windows, coding sequences) or plain text; also .gz')
    .requiredOption('--members <n>', 'how many models', wholeNumber('members'))
    .requiredOption('--out <dir>', 'where members, tokenizer, held-out corpus and ensemble.json go')
    .option(
      '--control <name>',
      Object.entries(ENSEMBLE_CONTROLS)
        .map(([name, what]) => `${name}: ${what}`)
        .join('; '),
      'none',
    )
    .option('--bits <x>', 'four-letters: bits of a letter after the five before it, such as those of a genome')
    .option('--data-seed <n>', 'of order and masks, the same for all members', wholeNumber('data-seed'), 42)
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/ensemble.ts')).ensembleCommand(flags)));

  command(
    program,
    'diagnose-ensemble',
    'entropy, disagreement, stability of embeddings and Fisher information of matched ensembles, side by side',
  )
    .argument('<folder...>', 'what `ensemble` left, or a folder with one model folder per member')
    .requiredOption('--out <folder>', 'where NAME/ensemble-diagnostics.json of each and ensembles.html go')
    .option('--corpus <file>', 'FASTA or plain text; also .gz (default: what each ensemble kept aside in training)')
    .option('--sequences <n>', 'windows of the corpus to measure on (default: 256)', wholeNumber('sequences'))
    .option('--seed <n>', 'of windows and hidden tokens (default: 0)')
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (folders, flags) =>
      finish(await (await import('./commands/diagnose-ensemble.ts')).ensembleDiagnoseCommand(folders, flags)),
    );

  command(
    program,
    'entropy',
    'the suite of matched ensembles: English against genomes and coding sequences, BPE and 6-mers, controls; goes on where it was',
  )
    .requiredOption('--out <dir>', 'where ensembles, documents and ensembles.html go')
    .option('--data-folder <dir>', 'where text/ and genomes/ lie (default: GLM_BENCH_DATA)')
    .option('--members <n>', 'models of each ensemble (default: 3)', wholeNumber('members'))
    .option('--sequences <n>', 'windows of each corpus to measure on (default: 256)', wholeNumber('sequences'))
    .option('--only <cell...>', 'some ensembles of the suite')
    .option('--jobs <n>', 'ensembles at a time (default: one per core; on a GPU one)', wholeNumber('jobs'))
    .option('--device <name>', 'cpu, cuda, webgpu or auto', 'auto')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber('threads'))
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/entropy.ts')).entropyCommand(flags)));

  command(program, 'doctor', 'which device would run, what is missing, and the command that mends it')
    .option(...JSON_FLAG)
    .action(async (flags) => finish(await (await import('./commands/doctor.ts')).doctorCommand(flags)));
  return program;
}
