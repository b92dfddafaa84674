/**
 * The page docs/cli.md, generated from the program's own help.
 *
 *   npm run docs:cli        writes the page
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { createProgram } from '../src/cli/program.ts';

export const CLI_PAGE = fileURLToPath(new URL('../docs/cli.md', import.meta.url));

const HEAD = `# Command line

Every command with its flags, as \`--help\` prints it. This page is generated: \`npm run docs:cli\`.

\`\`\`sh
npm run bench -- --help
\`\`\`

Without \`-s\`, npm prints a banner on standard output: use \`npm run -s bench -- ... --json\` in scripts.
`;

/** The page as text. */
export async function cliReference(): Promise<string> {
  const words = ['pretrain', 'ensemble']; // their help lists presets
  const program = await createProgram(words, () => {});
  const sections: string[] = [];
  const visit = (command: Command, path: string) => {
    for (const child of command.commands) {
      const name = `${path} ${child.name()}`.trim();
      if (child.commands.length > 0) visit(child, name);
      else sections.push(`## ${name}\n\n\`\`\`text\n${help(child)}\n\`\`\`\n`);
    }
  };
  visit(program, '');
  return [HEAD, ...sections].join('\n');
}

function help(command: Command): string {
  command.configureHelp({ helpWidth: 100 });
  return command
    .helpInformation()
    .trim()
    .replace(/[ \t]+$/gm, '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(CLI_PAGE, await cliReference());
