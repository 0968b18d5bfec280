/** docs/openapi.yaml says of every route what src/admin/routes.ts does, and nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { ParamSpec } from '../../../src/admin/request';
import { type Route, ROUTES } from '../../../src/admin/routes';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description: string;
  schema: { type: string; format?: string; pattern?: string; minimum?: number; maximum?: number };
}

interface Operation {
  summary: string;
  'x-role': string;
  'x-unix-socket-only'?: boolean;
  parameters?: Parameter[];
  requestBody?: object;
  responses: Record<string, { content?: Record<string, { schema: object }>; $ref?: string }>;
}

interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

const documentText = readFileSync(join(__dirname, '../../../../docs/openapi.yaml'), 'utf8');
const openApi = parse(documentText) as OpenApi;

const SCHEMA_OF_KIND: Record<ParamSpec['kind'], Partial<Parameter['schema']>> = {
  text: { type: 'string' },
  base64: { type: 'string', format: 'byte' },
  integer: { type: 'integer' },
  uint64: { type: 'string', pattern: '^[0-9]{1,20}$' },
  flag: { type: 'boolean' },
};

const CONTENT_TYPE: Record<Route['answers'], string> = {
  json: 'application/json',
  lines: 'application/jsonl',
  text: 'text/plain',
};

function parameterOf(spec: ParamSpec): Parameter {
  return {
    name: spec.name,
    in: 'query',
    ...(spec.required === true ? { required: true } : {}),
    description: spec.description,
    schema: {
      ...(SCHEMA_OF_KIND[spec.kind] as Parameter['schema']),
      ...(spec.min === undefined ? {} : { minimum: spec.min }),
      ...(spec.max === undefined ? {} : { maximum: spec.max }),
    },
  };
}

test('the document has the routes of the table, and no others', () => {
  const documented = Object.entries(openApi.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(documented.sort(), served.sort());
});

for (const route of ROUTES) {
  test(`${route.method} ${route.path} is documented as it is served`, () => {
    const operation = openApi.paths[route.path]?.[route.method.toLowerCase()];
    assert.ok(operation !== undefined);
    assert.equal(operation.summary, route.summary);
    assert.equal(operation['x-role'], route.role);
    assert.equal(operation['x-unix-socket-only'] ?? false, route.unixSocketOnly ?? false);
    assert.equal(operation.requestBody !== undefined, route.takesBody ?? false);
    assert.deepEqual(operation.parameters ?? [], route.params.map(parameterOf));
    assert.deepEqual(Object.keys(operation.responses['200']?.content ?? {}), [
      CONTENT_TYPE[route.answers],
    ]);
    assert.equal(operation.responses['default']?.$ref, '#/components/responses/Error');
  });
}

test('what looks is for viewers, what changes something is not', () => {
  for (const { method, path, role } of ROUTES) {
    assert.equal(role === 'viewer', method === 'GET', `${method} ${path} is for ${role}`);
  }
});

test('every schema that is referred to is there', () => {
  const referred = [...documentText.matchAll(/#\/components\/schemas\/(\w+)/g)];
  for (const [, name] of referred) assert.ok(openApi.components.schemas[name ?? ''], name);
});
