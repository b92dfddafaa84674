/** Writes the report of a run: the same board as JSON, CSV, Markdown, HTML page and SVG picture, each file whole or absent. */
import { join } from 'node:path';
import { writeFileAtomic } from '../runtime/files.ts';
import { leaderboardCsv } from './csv.ts';
import { leaderboardSvg } from './figure.ts';
import { leaderboardHtml } from './html.ts';
import { buildLeaderboard, type LeaderboardOptions } from './leaderboard.ts';
import { leaderboardMarkdown } from './markdown.ts';
import type { Leaderboard } from './schema.ts';

const FORMATS: Readonly<Record<string, (board: Leaderboard) => string>> = {
  'leaderboard.json': (board) => `${JSON.stringify(board, null, 2)}\n`,
  'leaderboard.csv': leaderboardCsv,
  'leaderboard.md': leaderboardMarkdown,
  'leaderboard.html': leaderboardHtml,
  'leaderboard.svg': leaderboardSvg,
};

/** Throws when `dir` is not a run's folder or cannot be written to. `files` are the paths written. */
export async function writeReport(
  dir: string,
  options: LeaderboardOptions = {},
): Promise<{ leaderboard: Leaderboard; files: string[] }> {
  const leaderboard = await buildLeaderboard(dir, options);
  const files: string[] = [];
  for (const [name, format] of Object.entries(FORMATS)) {
    const path = join(dir, name);
    await writeFileAtomic(path, format(leaderboard));
    files.push(path);
  }
  return { leaderboard, files };
}
