/** Parses and runs one command line; an error becomes one clear line and an exit code. */
import { CommanderError } from 'commander';
import { UsageError } from '../core/errors.ts';
import { withoutControls } from '../core/escape.ts';
import { fileFault } from '../core/file-fault.ts';
import { didYouMean, SequenceError } from '../sequences/sequence-error.ts';
import { createProgram } from './program.ts';

/** Runs one command line (without node and script) and returns the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  let code = 0;
  const program = await createProgram(words, (result) => {
    code = result;
  });
  try {
    const [verb] = words;
    const verbs = [...program.commands.map((command) => command.name()), 'help'];
    if (verb !== undefined && !verb.startsWith('-') && !verbs.includes(verb)) {
      throw new UsageError(`There is no command "${verb}"${didYouMean(verb, verbs)}`, `Commands: ${verbs.join(', ')}.`);
    }
    const group = program.commands.find((command) => command.name() === verb && command.commands.length > 0);
    const below = group?.commands.map((command) => command.name()) ?? [];
    if (group && words[1] !== undefined && !words[1].startsWith('-') && ![...below, 'help'].includes(words[1])) {
      throw new UsageError(
        `There is no command "${verb} ${words[1]}"${didYouMean(words[1], below)}`,
        `Commands: ${below.map((name) => `${verb} ${name}`).join(', ')}.`,
      );
    }
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    return explain(error, words.includes('--debug'));
  }
}

/** Prints the error and its remedy to standard error. */
function explain(thrown: unknown, debug: boolean): number {
  const error = fileFault(thrown);
  if (error instanceof CommanderError) {
    // Commander has already printed help, the version, or its own "error: ..." line.
    if (error.exitCode === 0) return 0;
    if (error.code !== 'commander.help') process.stderr.write('Add --help to see the possible commands and flags.\n');
    return 2;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`error: ${withoutControls(message)}\n`);
  if (error instanceof UsageError && error.hint) process.stderr.write(`${withoutControls(error.hint)}\n`);
  if (debug) process.stderr.write(`${stack}\n`);
  else if (!(error instanceof UsageError || error instanceof SequenceError)) {
    process.stderr.write('Add --debug to see the stack trace.\n');
  }
  return 2;
}
