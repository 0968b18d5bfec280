/**
 * The conduit: authenticated conversations with all peers, for as long as the node lives.
 *
 * ```ts
 * const conduit = await openConduit(options);
 * conduit.on('session', (session) => {            // a peer is up; any earlier session of it is over
 *   session.attach({                              // now, in this tick: afterwards frames may come
 *     onFrame(frame, info) { ... journal it ...; session.release(frame.length, 1); },
 *     onAck(cursors) { ... },
 *     onClose(reason) { ... },
 *   });
 * });
 * // one loop a session sends:
 * while (await session.credit(frame.length)) session.sendFrame(frame, { entryCount });
 * // when received frames are durable:
 * session.sendAck(cursors);
 * // in the end:
 * await conduit.close({ drainMs: 5000 });
 * ```
 *
 * What it promises:
 * - At most one session a peer is up at any time; 'down' of the old one comes before 'session' of the new.
 * - A frame is delivered whole, in order within its session, or not at all. Nothing is resent: after
 *   'session' the sender goes on from `session.hello.cursors`, and duplicates are the receiver's to drop.
 * - Memory: what a peer may have in flight here is `windowBytes`, granted again only by `release`. What
 *   waits to go out is one frame above the socket's own buffer, as `credit` waits for the link too.
 * - Every frame's origin site is the authenticated site, unless both sides have the capability `forward`.
 * - A silent peer is down within `heartbeat.timeoutMs`. Dialling goes on for ever, with backoff.
 *
 * Not its business: what a frame holds (checksums, entries), epochs and cursors beyond carrying them,
 * and what is sent first. Those who decide so end a session with `session.close(code, message)`.
 */
