import * as v from "valibot";
import { databaseOf } from "../../../../durable-objects/plugin-database/client.ts";
import type { SqlValue, Statement, StatementResult } from "../../../../durable-objects/plugin-database/rules.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import { hostCall, type HostContext, type JsonValue } from "../capability.ts";
import { requireWithin } from "../quotas.ts";

/** `database_*`: SQL in a database of the install's own. What a statement may say and cost is decided where the database is. */

const MOST_PARAMETERS = 100;
const MOST_STATEMENTS = 50;
const PARAMETER_BYTES = 1024 * 1024;

const Blob = v.pipe(
  v.strictObject({ base64: v.pipe(v.string(), v.maxLength(PARAMETER_BYTES * 2), v.base64("must be Base64")) }),
  v.transform(({ base64 }) => Uint8Array.fromBase64(base64).buffer),
);
const Parameter = v.union(
  [
    v.null(),
    v.pipe(v.boolean(), v.transform(Number)),
    v.number(),
    v.pipe(v.string(), v.maxBytes(PARAMETER_BYTES, `must have at most ${PARAMETER_BYTES} bytes`)),
    Blob,
  ],
  `must be null, a number, text of at most ${PARAMETER_BYTES} bytes, true, false or { "base64": … }`,
);
const SqlStatement = v.strictObject({
  sql: v.string("must be text"),
  params: v.optional(
    v.pipe(v.array(Parameter), v.maxLength(MOST_PARAMETERS, `must be at most ${MOST_PARAMETERS}`)),
    [],
  ),
});

export const databaseQuery = hostCall("database", SqlStatement, async (context, statement) => {
  const [result] = await run(context, [statement], false);
  return { value: result ?? null };
});

/** All of them, or none. */
export const databaseTransaction = hostCall(
  "database",
  v.strictObject({
    statements: v.pipe(
      v.array(SqlStatement),
      v.minLength(1, "must have a statement"),
      v.maxLength(MOST_STATEMENTS, `must have at most ${MOST_STATEMENTS} statements`),
    ),
  }),
  async (context, { statements }) => ({ value: { results: await run(context, statements, true) } }),
);

async function run(
  { call, grant, quotas, services }: HostContext,
  statements: readonly Statement[],
  numbered: boolean,
): Promise<readonly JsonValue[]> {
  const outcome = await databaseOf(services.databases, call).run(statements, {
    bytes: quotaOf("database", "bytes", grant),
    rows: quotaOf("database", "rows", grant),
    rowsRead: quotas.left("database", "rowsRead"),
  });
  if ("refused" in outcome) {
    const which = numbered ? `Statement ${outcome.statement + 1}: ` : "";
    throw new PlatformError("DATABASE_STATEMENT_FAILED", `${which}${outcome.refused}`);
  }
  if ("results" in outcome) {
    const { results, size } = outcome;
    quotas.held("database", "bytes", size);
    quotas.held("database", "rows", Math.max(...results.map(({ rows }) => rows.length)));
    quotas.take(
      "database",
      "rowsRead",
      results.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    );
    return results.map(jsonResult);
  }
  if ("full" in outcome) requireWithin("database", "bytes", outcome.full, grant);
  else quotas.take("database", "rowsRead", outcome.read);
  throw new PlatformError("CAPABILITY_UNAVAILABLE", "The statements were not run.");
}

function jsonResult({ columns, rows, rowsRead, rowsWritten, more }: StatementResult): JsonValue {
  return { columns, rows: rows.map((row) => row.map(jsonValue)), rowsRead, rowsWritten, more };
}

function jsonValue(value: SqlValue): JsonValue {
  return value instanceof ArrayBuffer ? { base64: new Uint8Array(value).toBase64() } : value;
}
