/** Stable codes: what operators grep for, what counters are keyed by, what the wire carries as numbers. */
import { RefuseCode } from '../../bindings/generated/control_generated';

/** Refusals that have a number on the wire. */
export const REFUSE_CODES = {
  version: RefuseCode.Version,
  wrong_cluster: RefuseCode.WrongCluster,
  wrong_site: RefuseCode.WrongSite,
  unknown_site: RefuseCode.UnknownSite,
  malformed: RefuseCode.Malformed,
  too_large: RefuseCode.TooLarge,
  out_of_order: RefuseCode.OutOfOrder,
  wrong_origin: RefuseCode.WrongOrigin,
  credit_overrun: RefuseCode.CreditOverrun,
  handshake_timeout: RefuseCode.HandshakeTimeout,
  peer_silent: RefuseCode.PeerSilent,
  duplicate: RefuseCode.Duplicate,
  site_in_use: RefuseCode.SiteInUse,
  busy: RefuseCode.Busy,
  shutting_down: RefuseCode.ShuttingDown,
  stale_epoch: RefuseCode.StaleEpoch,
  internal: RefuseCode.Internal,
  diverged: RefuseCode.Diverged,
  evicted: RefuseCode.Evicted,
} as const;

export type RefusalCode = keyof typeof REFUSE_CODES;

/** Ends that nobody need be told of, or that nobody is there to be told of. */
export type LocalCode =
  | 'drained' // ordered shutdown
  | 'link_lost' // the connection ended or failed
  | 'not_reading' // the peer sends but does not read
  | 'unreachable' // no connection within the time allowed
  | 'no_certificate'
  | 'self_signed'
  | 'expired'
  | 'untrusted'
  | 'bad_certificate' // trusted, but it names no site or breaks policy
  | 'tls' // any other failure of the channel
  | 'unknown_refusal'; // a refusal with a number this version does not know

export type EndCode = RefusalCode | LocalCode;

const CHANNEL_REFUSALS: ReadonlySet<string> = new Set<LocalCode>([
  'no_certificate',
  'self_signed',
  'expired',
  'untrusted',
  'bad_certificate',
  'tls',
]);

/** True if somebody was turned away, by either side; false if a connection just failed or ended. */
export function isRefusal(code: EndCode | UseCode): boolean {
  return code in REFUSE_CODES || code === 'unknown_refusal' || CHANNEL_REFUSALS.has(code);
}

/** A refusal that names nobody's fault: it is neither counted as an error nor logged as a warning. */
export function isOrderly(code: EndCode | UseCode): boolean {
  return code === 'drained' || code === 'duplicate' || code === 'shutting_down';
}

const CODES_BY_NUMBER = new Map<number, RefusalCode>(
  Object.entries(REFUSE_CODES).map(([code, number]) => [number, code as RefusalCode]),
);

export function refusalOfNumber(number: number): EndCode {
  return CODES_BY_NUMBER.get(number) ?? 'unknown_refusal';
}

/** What the caller of a session did wrong. */
export type UseCode = 'credit' | 'closed' | 'invalid_argument';

/** The only error this folder throws. `code` is stable, `message` is for people. */
export class ConduitError extends Error {
  override readonly name = 'ConduitError';

  constructor(
    readonly code: EndCode | UseCode,
    message: string,
  ) {
    super(message);
  }
}
