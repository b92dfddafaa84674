/**
 * Writes the report of a run: the same board as JSON, CSV, Markdown, HTML page and SVG picture,
 * each file whole or absent.
 */
import { join } from 'node:path';
import { FileFault } from '../core/file-fault.ts';
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

export interface WrittenReport {
  readonly leaderboard: Leaderboard;
  /** Paths written. */
  readonly files: readonly string[];
  /** Why files could not be written, such as on a read-only file system. */
  readonly faults: readonly string[];
}

/** Builds the board and writes it in every format. Throws when `dir` is not a run's folder. */
export async function writeReport(dir: string, options: LeaderboardOptions = {}): Promise<WrittenReport> {
  const leaderboard = await buildLeaderboard(dir, options);
  const files: string[] = [];
  const faults: string[] = [];
  for (const [name, format] of Object.entries(FORMATS)) {
    const path = join(dir, name);
    const text = format(leaderboard);
    try {
      await writeFileAtomic(path, text);
      files.push(path);
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      faults.push(error.message);
    }
  }
  return { leaderboard, files, faults };
}
