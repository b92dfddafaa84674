/** Writes the report of a run: the same board as JSON, CSV, Markdown, HTML page and SVG picture, each file whole or absent. */
import { join } from 'node:path';
import { writeFileAtomic } from '../core/files.ts';
import { buildLeaderboard, type LeaderboardOptions } from './board/leaderboard.ts';
import type { Leaderboard } from './board/schema.ts';
import { leaderboardCsv } from './formats/csv.ts';
import { leaderboardSvg } from './formats/figure.ts';
import { leaderboardMarkdown } from './formats/markdown.ts';
import { leaderboardHtml } from './page/html.ts';

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
