/** The checks of a task's data as a table. */
import { escapeHtml } from '../../core/escape.ts';
import type { QualityReport } from '../../quality/quality-report.ts';
import { MISSING } from '../formats/numbers.ts';

export function qualityTable({ checks, rules }: QualityReport): string {
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? MISSING : value.toFixed(3);
  const rows = checks.map(({ id, verdict, value, interval, thresholds: { warn, fail }, reason }) => {
    const cells = [
      number(value),
      interval ? `${number(interval[0])} to ${number(interval[1])}` : '',
      warn === null ? 'never' : String(warn),
      fail === null ? 'never' : String(fail),
    ];
    const numbers = cells.map((text) => `<td class="right num">${text}</td>`).join('');
    return `<tr><td>${verdict}</td><td><code>${escapeHtml(id)}</code></td>${numbers}<td>${escapeHtml(reason)}</td></tr>`;
  });
  const heads = ['Verdict', 'Check', 'Value', '95% interval', 'Warn from', 'Fail from', 'Reason'];
  const head = heads
    .map((text, i) => `<th scope="col"${i >= 2 && i <= 5 ? ' class="right num"' : ''}>${text}</th>`)
    .join('');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div><p class="soft">Rules: ${escapeHtml(rules)}.</p>`;
}
