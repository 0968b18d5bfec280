/**
 * Damage that no checksum shows: a checkpoint in which one value is another one, and all checksums are
 * right, as if memory had failed before it was written. native/schema/FORMAT.md, "Checkpoint".
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HEADER_BYTES = 80;
const CHUNK_HEADER_BYTES = 24;
const CHUNK_MAGIC = 0x4b534643;
const INODE_CHUNK = 0;
// Where these lie in what they are of.
const METADATA_BYTES_AT = 12;
const CHUNK = { origins: 6, recordsBytes: 8, records: 12, kind: 16, crc: 20 };
const RECORD = { bytes: 0, mode: 6, inode: 8 };
const FOOTER = { chunksCrc: 32, crc: 36 };
const CHUNK_ORIGIN_BYTES = 16;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C of all `parts` one after the other. */
function crc32c(...parts: readonly Buffer[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Sets the permission bits of an inode in the newest checkpoint of a data directory that is closed. */
export function damageMode(dataDir: string, inode: bigint, mode: number): void {
  const directory = join(dataDir, 'checkpoint');
  const newest = readdirSync(directory)
    .filter((name) => name.endsWith('.checkpoint'))
    .sort()
    .at(-1);
  assert.ok(newest !== undefined, `no checkpoint in ${directory}`);
  const path = join(directory, newest);
  const file = readFileSync(path);
  let at = HEADER_BYTES + file.readUInt32LE(METADATA_BYTES_AT);
  const crcs: Buffer[] = [];
  let found = 0;
  while (file.readUInt32LE(at) === CHUNK_MAGIC) {
    const recordsBytes = file.readUInt32LE(at + CHUNK.recordsBytes);
    const originBytes = file.readUInt16LE(at + CHUNK.origins) * CHUNK_ORIGIN_BYTES;
    const end = at + CHUNK_HEADER_BYTES + recordsBytes + originBytes;
    const chunk = file.subarray(at, end);
    if (chunk.readUInt32LE(CHUNK.kind) === INODE_CHUNK) found += setMode(chunk, inode, mode);
    const body = chunk.subarray(CHUNK_HEADER_BYTES);
    chunk.writeUInt32LE(crc32c(chunk.subarray(0, CHUNK.crc), body), CHUNK.crc);
    crcs.push(chunk.subarray(CHUNK.crc, CHUNK.crc + 4));
    at = end;
  }
  assert.equal(found, 1, `inode ${inode} is in ${path}`);
  const footer = file.subarray(at);
  footer.writeUInt32LE(crc32c(...crcs), FOOTER.chunksCrc);
  footer.writeUInt32LE(crc32c(footer.subarray(0, FOOTER.crc)), FOOTER.crc);
  writeFileSync(path, file);
}

function setMode(chunk: Buffer, inode: bigint, mode: number): number {
  let found = 0;
  let at = CHUNK_HEADER_BYTES;
  for (let left = chunk.readUInt32LE(CHUNK.records); left > 0; left--) {
    if (chunk.readBigUInt64LE(at + RECORD.inode) === inode) {
      chunk.writeUInt16LE(mode, at + RECORD.mode);
      found++;
    }
    at += chunk.readUInt32LE(at + RECORD.bytes);
  }
  return found;
}
