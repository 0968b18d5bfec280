/**
 * Chunks of a stream to messages. Nothing is allocated on a stranger's word: the prefix must be in its
 * limits, and of a frame the header must be whole, true to the prefix, and admitted. Then there is one
 * allocation of the exact size, and each byte is copied once.
 */
import { ConduitError } from './errors';
import { FRAME_HEADER_BYTES, KIND_FRAME, PREFIX_BYTES, decodePrefix } from './protocol';
import type { FrameInfo } from './types';

/** Reads a frame's header. Throws if magic, version, checksum or lengths are wrong. */
export type PeekFrame = (header: Uint8Array) => FrameInfo;

export interface AssemblerHandlers {
  onControl(bytes: Uint8Array): void;
  admitFrame(info: FrameInfo): void;
  onFrame(frame: Buffer, info: FrameInfo): void;
}

export class MessageAssembler {
  private readonly head = Buffer.allocUnsafeSlow(PREFIX_BYTES + FRAME_HEADER_BYTES);
  /** Bytes of `head` that are filled, while there is no body. */
  private headBytes = 0;
  /** How many bytes `head` needs before the next decision. */
  private headWanted = PREFIX_BYTES;
  private body: Buffer | undefined;
  private bodyFilled = 0;
  /** Of the frame that fills `body`; undefined for a control message. */
  private frameInfo: FrameInfo | undefined;

  constructor(
    private readonly peekFrame: PeekFrame,
    private readonly handlers: AssemblerHandlers,
  ) {}

  /** Throws ConduitError at the first byte that breaks the protocol; then the stream is lost. */
  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      offset +=
        this.body === undefined
          ? this.fillHead(chunk, offset)
          : this.fillBody(this.body, chunk, offset);
    }
  }

  private fillHead(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.headWanted - this.headBytes);
    const taken = chunk.copy(this.head, this.headBytes, offset, end);
    this.headBytes += taken;
    if (this.headBytes < this.headWanted) return taken;
    if (this.headWanted === PREFIX_BYTES) {
      const prefix = decodePrefix(this.head);
      if (prefix.kind === KIND_FRAME) {
        this.headWanted = PREFIX_BYTES + FRAME_HEADER_BYTES;
      } else {
        this.startBody(Buffer.allocUnsafeSlow(prefix.bodyBytes), 0, undefined);
      }
    } else {
      this.startFrame();
    }
    return taken;
  }

  private startFrame(): void {
    const { bodyBytes } = decodePrefix(this.head);
    const header = this.head.subarray(PREFIX_BYTES);
    const info = this.peek(header);
    if (info.totalBytes !== bodyBytes) {
      throw new ConduitError(
        'malformed',
        `frame header says ${info.totalBytes} bytes, the prefix says ${bodyBytes}`,
      );
    }
    this.handlers.admitFrame(info);
    const frame = Buffer.allocUnsafeSlow(bodyBytes);
    header.copy(frame);
    this.startBody(frame, FRAME_HEADER_BYTES, info);
    if (bodyBytes === FRAME_HEADER_BYTES) this.finishBody(frame);
  }

  private peek(header: Buffer): FrameInfo {
    try {
      return this.peekFrame(header);
    } catch (error) {
      throw new ConduitError(
        'malformed',
        `frame header: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private startBody(body: Buffer, filled: number, info: FrameInfo | undefined): void {
    this.body = body;
    this.bodyFilled = filled;
    this.frameInfo = info;
    this.headBytes = 0;
    this.headWanted = PREFIX_BYTES;
  }

  private fillBody(body: Buffer, chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + body.length - this.bodyFilled);
    const taken = chunk.copy(body, this.bodyFilled, offset, end);
    this.bodyFilled += taken;
    if (this.bodyFilled === body.length) this.finishBody(body);
    return taken;
  }

  private finishBody(body: Buffer): void {
    const info = this.frameInfo;
    this.body = undefined;
    this.frameInfo = undefined;
    if (info === undefined) this.handlers.onControl(body);
    else this.handlers.onFrame(body, info);
  }
}
