/** Events of the audit trail, and what was found wrong with it, as an operator reads them. */
import { formatBytes, formatCount, formatName, formatNouns, formatTime } from './format';
import { type JsonObject, numberAt, objectAt, objectsAt, textAt } from './json';
import type { Style } from './style';
import { renderPairs, renderTable } from './table';

const SEQ_COLUMNS = 8;
const TIME_COLUMNS = 20;
const KIND_COLUMNS = 20;
const OUTCOME_COLUMNS = 7;
const ACTOR_COLUMNS = 16;

/** Rows come one by one, so the columns have their widths from the start. */
function row(seq: string, time: string, kind: string, outcome: string, rest: string): string {
  const head = [seq.padStart(SEQ_COLUMNS), time.padEnd(TIME_COLUMNS), kind.padEnd(KIND_COLUMNS)];
  return `${[...head, outcome, rest].join('  ').trimEnd()}\n`;
}

export function renderAuditTitle(style: Style): string {
  const outcome = 'OUTCOME'.padEnd(OUTCOME_COLUMNS);
  const rest = `${'ACTOR'.padEnd(ACTOR_COLUMNS)}  WHAT`;
  return style.faint(row('SEQ', 'TIME', 'KIND', outcome, rest).trimEnd()) + '\n';
}

export function renderAuditLine(event: JsonObject, style: Style): string {
  const outcome = textAt(event, 'outcome');
  const padded = safe(outcome).padEnd(OUTCOME_COLUMNS);
  const actor = actorText(objectAt(event, 'actor')).padEnd(ACTOR_COLUMNS);
  return row(
    textAt(event, 'seq'),
    formatTime(Date.parse(textAt(event, 'time'))),
    safe(textAt(event, 'kind')),
    outcome === 'ok' ? padded : style.warning(padded),
    `${actor}  ${fieldsText(objectAt(event, 'fields'))}`,
  );
}

/** Texts may be a peer's, or a stranger's. */
function safe(text: string): string {
  return formatName(Buffer.from(text, 'utf8'));
}

function actorText(actor: JsonObject): string {
  const type = textAt(actor, 'type');
  const address = textAt(actor, 'address');
  const at = address === '' ? '' : ` ${address}`;
  switch (type) {
    case 'peer': {
      const name = textAt(actor, 'name');
      return safe(`site ${textAt(actor, 'site')}${name === '' ? at : ` (${name})`}`);
    }
    case 'admin': {
      const user = textAt(actor, 'user');
      return safe(`${textAt(actor, 'via')}${user === '' ? '' : ` (${user})`}`);
    }
    case 'signal':
      return safe(textAt(actor, 'signal'));
    default:
      return safe(`${type}${at}`);
  }
}

function fieldsText(fields: JsonObject): string {
  return Object.entries(fields)
    .map(([name, value]) => `${safe(name)}=${valueText(value)}`)
    .join(' ');
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"=]|^$/.test(text) ? safe(JSON.stringify(text)) : safe(text);
}

function rangeText(report: JsonObject): string {
  const [first, last] = [objectAt(report, 'first'), objectAt(report, 'last')];
  if (textAt(last, 'seq') === '') return 'none';
  const time = (at: JsonObject): string => formatTime(Date.parse(textAt(at, 'time')));
  return (
    `${textAt(first, 'seq')} of ${time(first)} to ${textAt(last, 'seq')} of ${time(last)}, ` +
    `${formatBytes(numberAt(report, 'bytes'))} in ${formatNouns(numberAt(report, 'files'), 'file')}`
  );
}

export function renderAuditReport(report: JsonObject, style: Style): string {
  const faults = objectsAt(report, 'faults');
  const last = objectAt(report, 'last');
  const verdict =
    faults.length === 0
      ? style.good('whole')
      : style.bad(`not what was written: ${formatNouns(faults.length, 'fault')}`);
  const pairs: [string, string][] = [
    ['trail', verdict],
    ['events', rangeText(report)],
    ['head', `${textAt(last, 'seq')}:${textAt(last, 'hash')}`],
    ...faults.map((fault): [string, string] => [
      'fault',
      `${textAt(fault, 'file')}, line ${formatCount(numberAt(fault, 'line'))}: ` +
        safe(textAt(fault, 'message')),
    ]),
  ];
  const anchors = objectsAt(report, 'anchors');
  if (anchors.length === 0) return renderPairs(pairs, style);
  const rows = anchors.map((anchor) => [
    textAt(anchor, 'site'),
    `${textAt(anchor, 'seq')}:${safe(textAt(anchor, 'hash'))}`,
    formatTime(Date.parse(textAt(anchor, 'time'))),
    textAt(anchor, 'line'),
    formatCount(numberAt(anchor, 'count')),
  ]);
  const columns = [
    { title: 'ANCHOR OF SITE' },
    { title: 'ITS HEAD' },
    { title: 'TOLD' },
    { title: 'EVENT' },
    { title: 'OF SO MANY', align: 'right' as const },
  ];
  return `${renderPairs(pairs, style)}\n${renderTable(columns, rows, style)}`;
}
