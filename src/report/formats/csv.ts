/** The leaderboard as CSV (RFC 4180: CRLF, quotes doubled), one line per row of the board, numbers with every digit. */
import { escapeCsvText } from '../../core/escape.ts';
import type { Leaderboard, LeaderboardRow } from '../board/schema.ts';

type Cell = string | number | boolean | null | undefined;

const COLUMNS: readonly (readonly [string, (row: LeaderboardRow) => Cell])[] = [
  ['task', (row) => row.task],
  ['contender', (row) => row.contender],
  ['label', (row) => row.label],
  ['title', (row) => row.title],
  ['kind', (row) => row.kind],
  ['family', (row) => row.family],
  ['probe', (row) => row.probe],
  ['status', (row) => row.status],
  ['metric', (row) => row.metric],
  ['higher_is_better', (row) => row.higherIsBetter],
  ['score', (row) => row.score],
  ['ci_low', (row) => row.ci.low],
  ['ci_high', (row) => row.ci.high],
  ['test_size', (row) => row.testSize],
  ['seeds', (row) => row.seeds],
  ['seed_spread', (row) => row.seedSpread],
  ['validation_score', (row) => row.validationScore],
  ['is_reference', (row) => row.isReference],
  ['vs_one_hot_reference', (row) => row.vsOneHot?.reference],
  ['vs_one_hot_reference_label', (row) => row.vsOneHot?.referenceLabel],
  ['vs_one_hot_difference', (row) => row.vsOneHot?.difference],
  ['vs_one_hot_ci_low', (row) => row.vsOneHot?.ci.low],
  ['vs_one_hot_ci_high', (row) => row.vsOneHot?.ci.high],
  ['vs_one_hot_p', (row) => row.vsOneHot?.p],
  ['vs_one_hot_p_holm', (row) => row.vsOneHot?.pHolm],
  ['vs_one_hot_verdict', (row) => row.vsOneHot?.verdict],
  ['vs_one_hot_second_test', (row) => row.vsOneHot?.secondOpinion?.test],
  ['vs_one_hot_second_p', (row) => row.vsOneHot?.secondOpinion?.p],
  ['vs_row_zero_difference', (row) => row.vsRowZero?.difference],
  ['vs_row_zero_ci_low', (row) => row.vsRowZero?.ci.low],
  ['vs_row_zero_ci_high', (row) => row.vsRowZero?.ci.high],
  ['vs_row_zero_p_holm', (row) => row.vsRowZero?.pHolm],
  ['vs_row_zero_verdict', (row) => row.vsRowZero?.verdict],
  ['entropy_bits_per_nt', (row) => row.diagnostics?.entropyBits],
  ['kl_model_to_uniform_bits_per_token', (row) => row.diagnostics?.klModelToUniformBits],
  ['nll_bits_per_nt', (row) => row.diagnostics?.nllBits],
  ['fisher_share_embeddings', (row) => row.diagnostics?.fisherEmbeddings],
  ['parameter_share_embeddings', (row) => row.diagnostics?.fisherEmbeddingParameters],
  ['device', (row) => row.device],
  ['seconds', (row) => row.seconds],
  ['task_hash', (row) => row.taskHash],
  ['error', (row) => row.error],
  ['notes', (row) => row.notes.join('; ')],
];

/** Further metrics follow as `score_<metric>`, for every metric that any row has. */
export function leaderboardCsv(board: Leaderboard): string {
  const metrics = [...new Set(board.rows.flatMap((row) => Object.keys(row.scores)))].sort();
  const scoresOf = (row: LeaderboardRow): Readonly<Record<string, number | null | undefined>> => row.scores;
  const lines = [
    [...COLUMNS.map(([name]) => name), ...metrics.map((metric) => `score_${metric}`)].map(cell),
    ...board.rows.map((row) =>
      [...COLUMNS.map(([, value]) => value(row)), ...metrics.map((metric) => scoresOf(row)[metric])].map(cell),
    ),
  ];
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

/** Numbers are written bare: a negative number is a number, not a formula. */
function cell(value: Cell): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? escapeCsvText(value) : String(value);
}
