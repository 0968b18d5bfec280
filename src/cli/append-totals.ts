/** What several appends did, together. */
import { formatCount } from './format';
import { type JsonObject, numberAt, objectsAt, textAt } from './json';

interface RefusedLine {
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

/** As many as the agent reports for one request. */
const ERRORS_KEPT_MAX = 1000;

export class AppendTotals {
  appended = 0;
  duplicates = 0;
  unchanged = 0;
  refused = 0;
  firstLsn = '0';
  lastLsn = '0';
  readonly errors: RefusedLine[] = [];

  /** `result` is a result document of /journal/append. */
  add(result: JsonObject): void {
    this.appended += numberAt(result, 'appended');
    this.duplicates += numberAt(result, 'duplicates');
    this.unchanged += numberAt(result, 'unchanged');
    this.refused += numberAt(result, 'refused');
    const lastLsn = textAt(result, 'last_lsn');
    if (lastLsn !== '0' && lastLsn !== '') {
      if (this.firstLsn === '0') this.firstLsn = textAt(result, 'first_lsn');
      this.lastLsn = lastLsn;
    }
    for (const error of objectsAt(result, 'errors')) {
      if (this.errors.length >= ERRORS_KEPT_MAX) break;
      this.errors.push({
        line: numberAt(error, 'line'),
        code: textAt(error, 'code'),
        message: textAt(error, 'message'),
      });
    }
  }

  toJson(): object {
    return {
      appended: this.appended,
      duplicates: this.duplicates,
      unchanged: this.unchanged,
      refused: this.refused,
      first_lsn: this.firstLsn,
      last_lsn: this.lastLsn,
      errors: this.errors,
    };
  }
}

export function renderTotals(totals: AppendTotals): string {
  const noun = totals.appended === 1 ? 'entry' : 'entries';
  const first = totals.firstLsn === totals.lastLsn ? '' : `${formatCount(totals.firstLsn)} to `;
  const where = totals.lastLsn === '0' ? '' : ` (LSN ${first}${formatCount(totals.lastLsn)})`;
  const parts = [`appended ${formatCount(totals.appended)} ${noun}${where}`];
  if (totals.duplicates > 0) parts.push(`${formatCount(totals.duplicates)} were there already`);
  if (totals.unchanged > 0) parts.push(`${formatCount(totals.unchanged)} change nothing`);
  if (totals.refused > 0) parts.push(`${formatCount(totals.refused)} refused`);
  return `${parts.join(', ')}\n`;
}
