/** As much of JSON Schema as docs/openapi.yaml uses: does a document look as the API says it does? */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  anyOf?: Schema[];
  type?: string | string[];
  enum?: unknown[];
  pattern?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
}

const openApi = parse(readFileSync(join(__dirname, '../../../docs/openapi.yaml'), 'utf8')) as {
  components: { schemas: Record<string, Schema> };
};

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function hasType(value: unknown, type: string): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeOf(value) === type;
}

/** $ref and allOf made one schema. */
function flatten(schema: Schema): Schema {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return flatten(openApi.components.schemas[name] ?? {});
  }
  if (schema.allOf === undefined) return schema;
  const parts = schema.allOf.map(flatten);
  return {
    type: 'object',
    required: parts.flatMap(({ required }) => required ?? []),
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as Record<
      string,
      Schema
    >,
  };
}

function objectFaults(value: Record<string, unknown>, schema: Schema, at: string): string[] {
  const { required = [], properties = {}, additionalProperties } = schema;
  const missing = required.filter((member) => !(member in value));
  return [
    ...missing.map((member) => `${at}.${member}: missing`),
    ...Object.entries(value).flatMap(([member, inner]) => {
      const innerSchema = properties[member] ?? additionalProperties;
      if (innerSchema === undefined) return [`${at}.${member}: not documented`];
      return faults(inner, innerSchema, `${at}.${member}`);
    }),
  ];
}

function faults(value: unknown, raw: Schema, at: string): string[] {
  const schema = flatten(raw);
  if (schema.anyOf !== undefined) {
    const all = schema.anyOf.map((option) => faults(value, option, at));
    return all.some((list) => list.length === 0) ? [] : all.flat();
  }
  const types = [schema.type ?? typeOf(value)].flat();
  if (!types.some((type) => hasType(value, type))) {
    return [`${at}: ${JSON.stringify(value)} is not ${types.join(' or ')}`];
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return [`${at}: ${JSON.stringify(value)} is none of ${schema.enum.join(', ')}`];
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(String(value))) {
    return [`${at}: ${JSON.stringify(value)} does not match ${schema.pattern}`];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => faults(item, schema.items ?? {}, `${at}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  return objectFaults(value as Record<string, unknown>, schema, at);
}

/** Everything in which `value` is not what the named schema says; nothing if it is. */
export function schemaFaults(value: unknown, schemaName: string): string[] {
  return faults(value, { $ref: `#/components/schemas/${schemaName}` }, schemaName);
}
