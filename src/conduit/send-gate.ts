/** When the next frame may go: the peer's credit and the link's room, and who waits for both. */
import {
  afterGrant,
  afterSent,
  mayTake,
  startSender,
  type Amount,
  type SenderCredit,
} from './credits';
import type { Link } from './link';

interface Waiter {
  readonly bytes: number;
  readonly resolve: (granted: boolean) => void;
}

export class SendGate {
  private sender: SenderCredit = startSender({ bytes: 0, frames: 0 });
  private waiters: Waiter[] = [];
  private shut = false;

  constructor(private readonly link: Link) {}

  open(window: Amount): void {
    this.sender = startSender(window);
  }

  /** Resolves true when a frame of `bytes` may go, false when the gate shuts first. In order of asking. */
  wait(bytes: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.waiters.push({ bytes, resolve });
      this.serve();
    });
  }

  /** Takes the credit for a frame that is about to be sent; false, and nothing taken, if there is none. */
  take(bytes: number): boolean {
    const sender = afterSent(this.sender, bytes);
    if (sender === undefined) return false;
    this.sender = sender;
    return true;
  }

  grant(total: Amount): void {
    this.sender = afterGrant(this.sender, total);
    this.serve();
  }

  /** Lets the first in the queue go if it may. To be called when the link has room, and after each frame. */
  serve(): void {
    const [first] = this.waiters;
    if (first === undefined) return;
    if (this.shut) {
      for (const waiter of this.waiters.splice(0)) waiter.resolve(false);
    } else if (mayTake(this.sender.granted, this.sender.sent, first.bytes) && this.link.hasRoom()) {
      this.waiters.shift();
      first.resolve(true);
    }
  }

  /** No frame goes any more. */
  close(): void {
    this.shut = true;
    this.serve();
  }
}
