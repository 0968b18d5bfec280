/**
 * Which codec a link should use, for the setting `auto`. Pure: measurements and time come in.
 *
 * Three regimes, by what there is too little of:
 * - neither: LZ4, which costs little and spares the peer's disk.
 * - way (the window stands full): the codec that promises to move most entries a second is put on trial.
 *   It stays if entries did move faster, for a window may stand full because the peer is slow, and then
 *   squeezing harder gains nothing.
 * - CPU (and the way is free): the codec that costs least CPU an entry, its share of encrypting the
 *   bytes included.
 * Incompressible data is never compressed twice: a ratio below RATIO_WORTHWHILE means none, with a
 * probe now and then. A change needs a clear gain and comes at most once a dwell.
 */
import type { CodecName } from '../../bindings';

const CODECS: readonly CodecName[] = ['none', 'lz4', 'zstd'];

/** A change needs this much over what is in use. */
const GAIN_MIN = 1.2;
const DWELL_MS = 5_000;
/** How often a codec that was given up for its ratio is tried again. */
const PROBE_MS = 30_000;
/** What a trial must gain for its codec to stay, and how long one that did not stays out. */
const TRIAL_GAIN_MIN = 1.1;
const TRIAL_REST_MS = 60_000;
const RATIO_WORTHWHILE = 1.1;
const LINK_BUSY = 0.8;
const CPU_SHORT_IDLE_CORES = 0.2;
/** Frames smaller than this say little about speed or ratio. */
const SAMPLE_BYTES_MIN = 16 * 1024;
/** Weight of a new sample. */
const ALPHA = 0.2;

/** Encrypting, sending, receiving and decrypting: bytes a second of one core. */
const TRANSPORT_BYTES_PER_CPU_SECOND = 600e6;

interface CodecEstimate {
  /** Raw bytes sealed in a second, by the clock: what others leave of the CPU is in it. */
  sealBytesPerSecond: number;
  /** Raw bytes over stored bytes. */
  ratio: number;
  measured: boolean;
}

/** Raw bytes that one whole core seals in a second: entries of 128 bytes, compaction included. */
const CORE_BYTES_PER_SECOND: Readonly<Record<CodecName, number>> = {
  none: 2e9,
  lz4: 500e6,
  zstd: 200e6,
};

/** What is assumed until it has been measured. */
function assumptions(): Record<CodecName, CodecEstimate> {
  const { none, lz4, zstd } = CORE_BYTES_PER_SECOND;
  return {
    none: { sealBytesPerSecond: none, ratio: 1, measured: false },
    lz4: { sealBytesPerSecond: lz4, ratio: 2.5, measured: false },
    zstd: { sealBytesPerSecond: zstd, ratio: 3.5, measured: false },
  };
}

export interface SealSample {
  readonly codec: CodecName;
  /** What went into the codec. */
  readonly rawBytes: number;
  /** What came out, header included. */
  readonly storedBytes: number;
  readonly sealMs: number;
}

export interface LinkSample {
  /** Share of the time that the window stood full, 0 to 1. */
  readonly busy: number;
  /** Bytes acked in a second, as sent; 0 if unknown. */
  readonly bytesPerSecond: number;
  /** The same before compression. */
  readonly rawBytesPerSecond: number;
  /** Cores of this machine that nobody uses. */
  readonly idleCores: number;
}

export interface ChooserReport {
  readonly codec: CodecName;
  readonly regime: 'ample' | 'way' | 'cpu';
  readonly ratios: Readonly<Record<CodecName, number>>;
}

/** A codec in use to see whether it moves more. */
interface Trial {
  readonly instead: CodecName;
  readonly rawBytesPerSecondBefore: number;
  readonly endsAtMs: number;
}

export class CodecChooser {
  readonly #estimates = assumptions();
  readonly #allowed: ReadonlySet<CodecName>;
  #codec: CodecName;
  #regime: ChooserReport['regime'] = 'ample';
  #trial: Trial | undefined;
  /** Until when a codec that failed its trial is left alone. */
  readonly #restsUntilMs = new Map<CodecName, number>();
  #changedAtMs: number | undefined;
  #probedAtMs: number | undefined;

  /** `allowed`: what both ends can read; `none` always can be. */
  constructor(allowed: ReadonlySet<CodecName>) {
    this.#allowed = allowed;
    this.#codec = allowed.has('lz4') ? 'lz4' : 'none';
  }

  get codec(): CodecName {
    return this.#codec;
  }

  report(): ChooserReport {
    const { none, lz4, zstd } = this.#estimates;
    return {
      codec: this.#codec,
      regime: this.#regime,
      ratios: { none: none.ratio, lz4: lz4.ratio, zstd: zstd.ratio },
    };
  }

  /** A frame was sealed with `codec`. Samples too small or too fast to mean anything are ignored. */
  sealed(sample: SealSample): void {
    if (sample.rawBytes < SAMPLE_BYTES_MIN || sample.storedBytes <= 0) return;
    const estimate = this.#estimates[sample.codec];
    const ratio = sample.codec === 'none' ? 1 : sample.rawBytes / sample.storedBytes;
    const weight = estimate.measured ? ALPHA : 1;
    estimate.ratio += weight * (ratio - estimate.ratio);
    // A frame from the seal cache took no time to seal, and says nothing of the codec's speed.
    const bytesPerSecond = (sample.rawBytes / Math.max(sample.sealMs, 1e-3)) * 1e3;
    if (bytesPerSecond < 10e9) {
      estimate.sealBytesPerSecond += weight * (bytesPerSecond - estimate.sealBytesPerSecond);
    }
    estimate.measured = true;
    // Zstd is told by LZ4's ratio until it has been tried: what one cannot compress, the other hardly.
    if (sample.codec === 'lz4' && !this.#estimates.zstd.measured) {
      this.#estimates.zstd.ratio = 1 + (estimate.ratio - 1) * 1.5;
    }
  }

  /** Looks at the link and decides; call it every second or so. */
  review(link: LinkSample, nowMs: number): CodecName {
    this.#regime = regimeOf(link);
    if (this.#trial !== undefined) this.#judge(this.#trial, link, nowMs);
    const best = this.#best(link, nowMs);
    if (best === this.#codec || this.#trial !== undefined) return this.#codec;
    if (this.#changedAtMs !== undefined && nowMs - this.#changedAtMs < DWELL_MS) return this.#codec;
    const useless = !this.#worthwhile(this.#codec);
    const back = this.#regime === 'ample';
    if (!useless && !back && this.#gain(best, this.#codec, link) < GAIN_MIN) return this.#codec;
    if (this.#regime === 'way' && !useless) {
      this.#trial = {
        instead: this.#codec,
        rawBytesPerSecondBefore: link.rawBytesPerSecond,
        endsAtMs: nowMs + DWELL_MS,
      };
    }
    this.#change(best, nowMs);
    return best;
  }

  /** A trial ends when its time is over, or at once when the way is free again. */
  #judge(trial: Trial, link: LinkSample, nowMs: number): void {
    if (this.#regime !== 'way') {
      this.#trial = undefined;
      return;
    }
    if (nowMs < trial.endsAtMs) return;
    this.#trial = undefined;
    if (link.rawBytesPerSecond >= TRIAL_GAIN_MIN * trial.rawBytesPerSecondBefore) return;
    this.#restsUntilMs.set(this.#codec, nowMs + TRIAL_REST_MS);
    this.#change(trial.instead, nowMs);
  }

  #change(codec: CodecName, nowMs: number): void {
    this.#codec = codec;
    this.#changedAtMs = nowMs;
    this.#probedAtMs = nowMs;
  }

  /** The codec for the next frame: the chosen one, or a probe of one that was given up. */
  next(nowMs: number): CodecName {
    if (this.#codec !== 'none' || !this.#allowed.has('lz4')) return this.#codec;
    this.#probedAtMs ??= nowMs;
    if (nowMs - this.#probedAtMs < PROBE_MS) return this.#codec;
    this.#probedAtMs = nowMs;
    return 'lz4';
  }

  #worthwhile(codec: CodecName): boolean {
    return codec === 'none' || this.#estimates[codec].ratio >= RATIO_WORTHWHILE;
  }

  #best(link: LinkSample, nowMs: number): CodecName {
    const usable = CODECS.filter((codec) => codec === 'none' || this.#allowed.has(codec));
    const worthwhile = usable.filter((codec) => this.#worthwhile(codec));
    if (this.#regime === 'ample') return worthwhile.includes('lz4') ? 'lz4' : 'none';
    return worthwhile
      .filter((codec) => codec === this.#codec || nowMs >= (this.#restsUntilMs.get(codec) ?? 0))
      .reduce((best, codec) => (this.#gain(codec, best, link) > 1 ? codec : best));
  }

  /** How much better `a` is than `b` in the present regime; 1 is equal. */
  #gain(a: CodecName, b: CodecName, link: LinkSample): number {
    if (this.#regime === 'cpu') return this.#cpuCost(b) / this.#cpuCost(a);
    return this.#rate(a, link) / this.#rate(b, link);
  }

  /** Raw bytes a second that get through. */
  #rate(codec: CodecName, link: LinkSample): number {
    const { ratio } = this.#estimates[codec];
    const carried = link.bytesPerSecond > 0 ? link.bytesPerSecond * ratio : Infinity;
    return Math.min(this.#sealBytesPerSecond(codec), carried);
  }

  /** As measured; else as assumed, slowed as much as the codec in use was found to be. */
  #sealBytesPerSecond(codec: CodecName): number {
    const { measured, sealBytesPerSecond } = this.#estimates[codec];
    if (measured || codec === this.#codec) return sealBytesPerSecond;
    const known = this.#estimates[this.#codec].sealBytesPerSecond;
    return CORE_BYTES_PER_SECOND[codec] * (known / CORE_BYTES_PER_SECOND[this.#codec]);
  }

  /** Core-seconds for a raw byte. */
  #cpuCost(codec: CodecName): number {
    const transported = this.#estimates[codec].ratio * TRANSPORT_BYTES_PER_CPU_SECOND;
    return 1 / CORE_BYTES_PER_SECOND[codec] + 1 / transported;
  }
}

function regimeOf(link: LinkSample): ChooserReport['regime'] {
  if (link.busy >= LINK_BUSY) return 'way';
  return link.idleCores < CPU_SHORT_IDLE_CORES ? 'cpu' : 'ample';
}
