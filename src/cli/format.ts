/** Numbers, times, modes and names as people read them. */

const THOUSANDS = /\B(?=(\d{3})+(?!\d))/g;

/** 1234567 as "1,234,567". */
export function formatCount(value: number | bigint | string): string {
  return String(value).replace(THOUSANDS, ',');
}

/** "1 name", "2 names". */
export function formatNouns(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

export function formatBytes(value: number | bigint | string): string {
  let amount = Number(value);
  let unit = 0;
  while (amount >= 1024 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${BYTE_UNITS[unit] ?? ''}`;
}

/** "0.42 ms", "12 ms", "3.4 s", "5m 10s", "2h 3m", "4d 5h". */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`;
}

/** "2026-03-01 12:34:56Z", or "-" when there is no such time. */
export function formatTime(unixMs: number): string {
  if (!(Math.abs(unixMs) <= 8.64e15)) return '-';
  return `${new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

export function formatTimeNs(unixNs: string): string {
  return formatTime(Number(BigInt(unixNs) / 1_000_000n));
}

const TYPE_LETTERS = new Map([
  [0o01, 'p'],
  [0o02, 'c'],
  [0o04, 'd'],
  [0o06, 'b'],
  [0o10, '-'],
  [0o12, 'l'],
  [0o14, 's'],
]);

function permissionTriple(bits: number, special: boolean, letter: string): string {
  const execute = (bits & 1) !== 0;
  const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
  return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${last}`;
}

/** As `ls -l` shows it: "-rw-r--r--". */
export function formatMode(mode: number): string {
  return (
    (TYPE_LETTERS.get(mode >> 12) ?? '?') +
    permissionTriple(mode >> 6, (mode & 0o4000) !== 0, 's') +
    permissionTriple(mode >> 3, (mode & 0o2000) !== 0, 's') +
    permissionTriple(mode, (mode & 0o1000) !== 0, 't')
  );
}

const SPACE = 0x20;

function isPlain(text: string): boolean {
  // Controls, line and paragraph separators, and what turns the direction of text around would let a
  // name draw on the operator's terminal; spaces at its ends would not be seen.
  return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]|^ | $/u.test(text);
}

/** A name for a terminal: as it is when it is harmless, else with the rest as \xNN. */
export function formatName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes) && isPlain(text)) return text;
  let shown = '';
  bytes.forEach((byte, index) => {
    const atEnd = index === 0 || index === bytes.length - 1;
    const plain = byte >= SPACE && byte < 0x7f && byte !== 0x5c && !(byte === SPACE && atEnd);
    shown += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return shown;
}
