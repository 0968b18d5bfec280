/** The API over real sockets, with a node from memory behind it. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeError } from '../../../bindings/errors';
import type { AppendLinesResult } from '../../../src/journal/append-lines';
import { AdminServer, isLoopback } from '../../../src/admin/server';
import { AgentClient } from '../../../src/cli/agent-client';
import { call, engineStatus, errorOf, inodeInfo, nodeStatus, openServer, pageOf } from './fixtures';

const nothing: AppendLinesResult = {
  lines: 0,
  appended: 0,
  duplicates: 0,
  unchanged: 0,
  refused: 0,
  errors: [],
  firstLsn: 0n,
  lastLsn: 0n,
};

test('a document comes as JSON, over the socket and over HTTP', async (t) => {
  const { socketPath, port } = await openServer(t, {});
  for (const where of [{ socketPath }, { port }]) {
    const answer = await call({ ...where, path: '/replication/status' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    const status = JSON.parse(answer.text) as Record<string, unknown>;
    assert.equal(status['last_lsn'], '9');
    assert.equal(status['uptime_ms'], 60_000);
    assert.equal(status['stopped'], null);
  }
});

test('metrics come as Prometheus reads them', async (t) => {
  const { port } = await openServer(t, {});
  const answer = await call({ port, path: '/metrics' });
  assert.match(answer.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(answer.text, 'a_metric 1\n');
});

test('/health is 503 when the node is DOWN, and 200 when it is DEGRADED', async (t) => {
  let state: 'DEGRADED' | 'DOWN' = 'DEGRADED';
  const stopped = makeError('CFS_IO', 'fdatasync failed');
  const { port } = await openServer(t, {
    status: () => ({ ...nodeStatus, engine: { ...engineStatus, stopped } }),
    health: () => ({ state, checks: [{ name: 'journal', state, detail: 'why' }] }),
  });
  assert.equal((await call({ port, path: '/health' })).status, 200);
  state = 'DOWN';
  const answer = await call({ port, path: '/health' });
  assert.equal(answer.status, 503);
  assert.match(answer.text, /"state":"DOWN","checks":\[\{"name":"journal"/);
});

test('an error of the engine has its code, its message and a fitting status', async (t) => {
  const { port } = await openServer(t, {
    lookupPath: () => Promise.reject(makeError('CFS_NOT_FOUND', '/a: no such path')),
  });
  const answer = await call({ port, path: '/meta/lookup?path=/a' });
  assert.equal(answer.status, 404);
  assert.deepEqual(errorOf(answer), { code: 'CFS_NOT_FOUND', message: '/a: no such path' });
});

test('any other error is internal', async (t) => {
  const { port } = await openServer(t, { digest: () => Promise.reject(new Error('oops')) });
  const answer = await call({ port, path: '/meta/digest' });
  assert.equal(answer.status, 500);
  assert.deepEqual(errorOf(answer), { code: 'CFS_INTERNAL', message: 'oops' });
});

test('an unknown route is 404, a wrong method is 405 with the right one', async (t) => {
  const { port } = await openServer(t, {});
  assert.equal((await call({ port, path: '/nowhere' })).status, 404);
  const answer = await call({ port, method: 'DELETE', path: '/replication/gc' });
  assert.equal(answer.status, 405);
  assert.match(errorOf(answer).message, /^DELETE \/replication\/gc: expected POST$/);
});

test('a bad parameter is 400 before anything is done', async (t) => {
  const { port } = await openServer(t, {});
  const answer = await call({ port, method: 'POST', path: '/replication/gc?agressive=1' });
  assert.equal(answer.status, 400);
  assert.match(errorOf(answer).message, /^parameter agressive: unknown; expected aggressive/);
});

test('lookup wants exactly one of inode and path, and takes any bytes', async (t) => {
  const looked: string[] = [];
  const { port } = await openServer(t, {
    lookup: (inode) => Promise.resolve(inodeInfo({ inode, paths: [Buffer.from('/x')] })),
    lookupPath: (path) => {
      looked.push(Buffer.from(path).toString('hex'));
      return Promise.resolve(inodeInfo({ paths: [path] }));
    },
  });
  assert.equal((await call({ port, path: '/meta/lookup' })).status, 400);
  assert.equal((await call({ port, path: '/meta/lookup?inode=1&path=/' })).status, 400);
  const byInode = await call({ port, path: '/meta/lookup?inode=281474976710657' });
  assert.match(byInode.text, /"paths":\[\{"path":"\/x"\}\].*"inode":"281474976710657"/);
  const bytes = Buffer.from([0x2f, 0xff]);
  const encoded = encodeURIComponent(bytes.toString('base64'));
  const byBytes = await call({ port, path: `/meta/lookup?path_base64=${encoded}` });
  assert.match(byBytes.text, /"path_base64":"L\/8="/);
  assert.deepEqual(looked, ['2fff']);
});

test('a dump comes whole and in order, page after page, to a reader that dawdles', async (t) => {
  const names = 30_000;
  const { socketPath, port } = await openServer(t, {
    dump: (after, max) => Promise.resolve(pageOf(after, max, names)),
  });
  for (const where of [{ socketPath }, { host: '127.0.0.1', port }]) {
    const text = await new Promise<string>((resolve, reject) => {
      request({ ...where, path: '/meta/dump', agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => {
          parts.push(part);
          if (parts.length % 16 !== 0) return;
          response.pause();
          setTimeout(() => response.resume(), 1);
        });
        response.on('error', reject);
        response.on('end', () => resolve(Buffer.concat(parts).toString()));
      })
        .on('error', reject)
        .end();
    });
    const lines = text.trimEnd().split('\n');
    assert.equal(lines.length, names);
    lines.forEach((line, index) => {
      assert.equal(
        (JSON.parse(line) as { path: string }).path,
        `/${String(index).padStart(5, '0')}`,
      );
    });
  }
});

test('a reader that does not read stops the work behind it', async (t) => {
  let pages = 0;
  const { socketPath } = await openServer(t, {
    dump: (after, max) => {
      pages++;
      return Promise.resolve(pageOf(after, max, 90_000));
    },
  });
  const sent = request({ socketPath, path: '/meta/dump', agent: false });
  sent.on('response', (response) => response.pause());
  sent.on('error', () => undefined);
  sent.end();
  await delay(300);
  const before = pages;
  assert.ok(before < 20, `${before} pages of a socket's worth`);
  sent.destroy();
  await delay(50);
  assert.ok(pages - before <= 1);
});

test('a dump goes on behind what was seen, up to a number', async (t) => {
  const { port } = await openServer(t, {
    dump: (after, max) => Promise.resolve(pageOf(after, max, 10)),
  });
  const answer = await call({ port, path: '/meta/dump?after=/00003&max=2' });
  const paths = answer.text.trimEnd().split('\n');
  assert.deepEqual(
    paths.map((line) => (JSON.parse(line) as { path: string }).path),
    ['/00004', '/00005'],
  );
});

test('an answer that is ready before the request was sent whole still arrives', async (t) => {
  const { socketPath } = await openServer(t, {
    appendLines: () => Promise.reject(makeError('CFS_STOPPED', 'no')),
  });
  const client = new AgentClient(socketPath);
  for (let count = 0; count < 20; count++) {
    await assert.rejects(client.post('/journal/append', {}, Buffer.alloc(8 << 20, 'x')), {
      code: 'CFS_STOPPED',
    });
  }
});

test('an empty list is an empty answer', async (t) => {
  const { port } = await openServer(t, { list: () => Promise.resolve([]) });
  const answer = await call({ port, path: '/meta/ls?path=/' });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, '');
});

test('what fails before the first line has a status; what fails later, a last line', async (t) => {
  let failAt = 1;
  let reads = 0;
  const { port } = await openServer(t, {
    list: (_path, after, max) => {
      reads++;
      return reads === failAt
        ? Promise.reject(makeError('CFS_NOT_DIRECTORY', '/f is a file'))
        : Promise.resolve(pageOf(after, max, 5000));
    },
  });
  const first = await call({ port, path: '/meta/ls?path=/f' });
  assert.equal(first.status, 409);
  assert.equal(errorOf(first).code, 'CFS_NOT_DIRECTORY');
  [reads, failAt] = [0, 3];
  const later = await call({ port, path: '/meta/ls?path=/f' });
  assert.equal(later.status, 200);
  const lines = later.text.trimEnd().split('\n');
  assert.equal(lines.length, 2 * 1024 + 1);
  assert.equal(lines.at(-1), '{"error":{"code":"CFS_NOT_DIRECTORY","message":"/f is a file"}}');
});

test('a body of any size streams to the journal', async (t) => {
  let bytes = 0;
  const { socketPath } = await openServer(t, {
    appendLines: async (chunks) => {
      for await (const chunk of chunks) bytes += chunk.length;
      return { ...nothing, lines: 3, appended: 3, firstLsn: 1n, lastLsn: 3n };
    },
  });
  const body = Buffer.alloc(5_000_000, 'x');
  const answer = await call({ socketPath, method: 'POST', path: '/journal/append', body });
  assert.equal(bytes, body.length);
  assert.match(answer.text, /"appended":3,.*"first_lsn":"1","last_lsn":"3","errors":\[\]/);
});

test('a refused line is the error, with its number and what was done before', async (t) => {
  const { socketPath } = await openServer(t, {
    appendLines: () =>
      Promise.resolve({
        ...nothing,
        lines: 2,
        appended: 1,
        refused: 1,
        errors: [{ line: 2, code: 'CFS_EXISTS', message: '/a is there' }],
      }),
  });
  const path = '/journal/append?first_line=101';
  const answer = await call({ socketPath, method: 'POST', path, body: 'x\n' });
  assert.equal(answer.status, 409);
  assert.equal(errorOf(answer).code, 'CFS_EXISTS');
  assert.equal(errorOf(answer).line, 102);
  assert.match(answer.text, /"result":\{"lines":2,"appended":1/);
  const kept = await call({ socketPath, method: 'POST', path: `${path}&keep_going`, body: 'x\n' });
  assert.equal(kept.status, 200);
  assert.match(
    kept.text,
    /"errors":\[\{"line":102,"code":"CFS_EXISTS","message":"\/a is there"\}\]/,
  );
});

test('a client that goes away in the middle of its body ends the append', async (t) => {
  let failure: unknown;
  const { socketPath } = await openServer(t, {
    appendLines: async (chunks) => {
      try {
        for await (const chunk of chunks) assert.ok(chunk.length > 0);
      } catch (error) {
        failure = error;
      }
      return nothing;
    },
  });
  const sent = request({ socketPath, method: 'POST', path: '/journal/append', agent: false });
  sent.on('error', () => undefined);
  sent.write('half a line');
  await delay(50);
  sent.destroy();
  await delay(50);
  assert.match(String(failure), /the client closed the connection/);
});

test('a tail that is followed ends with its client, and with the server', async (t) => {
  const ends: string[] = [];
  const { server, socketPath } = await openServer(t, {
    tailLines: async function* ({ fromLsn, follow, signal }) {
      yield `{"lsn":"${fromLsn}","follow":${String(follow)}}\n`;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ends.push(String(signal.reason));
    },
  });
  const tail = (): Promise<{ destroy(): void; text: Promise<string> }> =>
    new Promise((resolve) => {
      const sent = request({ socketPath, path: '/journal/tail?from=7&follow=1', agent: false });
      sent.on('error', () => undefined);
      sent.on('response', (response) => {
        let text = '';
        response.on('error', () => undefined);
        const whole = new Promise<string>((done) => response.on('close', () => done(text)));
        response.on('data', (part: Buffer) => {
          text += part.toString();
          resolve({ destroy: () => sent.destroy(), text: whole });
        });
      });
      sent.end();
    });
  (await tail()).destroy();
  await delay(50);
  assert.match(ends[0] ?? '', /the client closed the connection/);
  const second = await tail();
  await server.close();
  assert.equal(await second.text, '{"lsn":"7","follow":true}\n');
  assert.match(ends[1] ?? '', /the agent is closing/);
});

test('import is for the socket only, and shows its progress', async (t) => {
  const walked = {
    names: 2,
    directories: 1,
    files: 1,
    symlinks: 0,
    hardLinks: 0,
    specials: 0,
    bytes: 10n,
    skipped: 0,
    skippedNames: [],
  };
  const totals = { walked, appended: 2, existing: 0, refused: 0, errors: [], lastLsn: 2n };
  const { socketPath, port } = await openServer(t, {
    importTree: async (directory, { target, onProgress }) => {
      assert.equal(Buffer.from(directory).toString(), '/tmp');
      assert.equal(Buffer.from(target).toString(), '/in');
      onProgress(totals);
      await delay(250);
      return totals;
    },
  });
  const path = '/journal/import?directory=/tmp&into=/in';
  const refused = await call({ port, method: 'POST', path });
  assert.equal(refused.status, 403);
  assert.match(errorOf(refused).message, /Unix socket only/);
  const { text } = await call({ socketPath, method: 'POST', path });
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, object>);
  assert.deepEqual(Object.keys(lines[0] ?? {}), ['progress']);
  assert.deepEqual(Object.keys(lines.at(-1) ?? {}), ['result']);
  assert.match(text, /"names":2,"directories":1,.*"file_bytes":"10",.*"last_lsn":"2"/);
});

test('on loopback, names of other hosts and web pages are kept out', async (t) => {
  const { port, socketPath } = await openServer(t, {
    collect: () => Promise.resolve({ segments: 0, bytes: 0, heldBy: 'nothing' }),
  });
  const rebound = { host: 'evil.example' };
  assert.equal((await call({ port, path: '/replication/status', headers: rebound })).status, 421);
  assert.equal((await call({ port, path: '/metrics', headers: rebound })).status, 200);
  const page = { origin: 'http://evil.example' };
  const gc = { method: 'POST', path: '/replication/gc' };
  assert.equal((await call({ ...gc, port, headers: page })).status, 403);
  assert.equal((await call({ ...gc, port })).status, 200);
  assert.equal((await call({ ...gc, socketPath, headers: { ...page, ...rebound } })).status, 200);
});

test('headers and queries that are too long are refused', async (t) => {
  const { port } = await openServer(t, {});
  const long = await call({ port, path: '/health', headers: { cookie: 'x'.repeat(15_000) } });
  assert.equal(long.status, 200);
  const tooLong = await call({ port, path: '/health', headers: { cookie: 'x'.repeat(17_000) } });
  assert.equal(tooLong.status, 431);
  const query = await call({ port, path: `/meta/lookup?path=/${'x'.repeat(101 * 1024)}` });
  assert.equal(query.status, 413);
});

test('a path as long as a path may be fits a query', async (t) => {
  const longest = `/${'x'.repeat(65_535)}`;
  const { port } = await openServer(t, {
    lookupPath: (path) => Promise.resolve(inodeInfo({ size: BigInt(path.length) })),
  });
  const encoded = Buffer.from(longest).toString('base64url');
  const answer = await call({ port, path: `/meta/lookup?path_base64=${encoded}` });
  assert.match(answer.text, /"size":"65536"/);
});

test('addresses that are not loopback are not served', async (t) => {
  await assert.rejects(
    openServer(t, {}, { http: { host: '0.0.0.0', port: 0 } }),
    /0\.0\.0\.0 is not a loopback address, expected 127\.0\.0\.1/,
  );
  for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1', '[::1]'])
    assert.ok(isLoopback(host));
  for (const host of ['0.0.0.0', '10.0.0.1', '::', '127.evil.example', ''])
    assert.ok(!isLoopback(host));
});

test('a port that is taken is refused by name, never shared', async (t) => {
  const { port, server } = await openServer(t, {});
  assert.ok(server instanceof AdminServer);
  await assert.rejects(
    openServer(t, {}, { http: { host: '127.0.0.1', port } }),
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`),
  );
});
