import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { importInstallState } from "../../../worker/control/backups/install-state-store.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { api, expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { backupDeps } from "./runs.ts";

interface Line {
  readonly kind: "header" | "row" | "install-state" | "end";
  readonly table?: string;
  readonly row?: Readonly<Record<string, unknown>>;
  readonly bytes?: string;
  readonly lines?: number;
  readonly sha256?: string;
}

/** Tables with a tenant's rows that are no part of an export: what the platform notes for its own work. */
const OF_THE_PLATFORM = new Set([
  "audit_chains",
  "backup_rows",
  "plugin_backups",
  "plugin_restores",
  "tenant_erasures",
]);
const owner = { tenantId: "exported", installId: "install-of-exported" };
let root: string;
let answer: ApiAnswer;
let text: string;
let lines: readonly Line[];

function write(value: string) {
  const entry = { key: "word", value: new TextEncoder().encode(value), expiresAt: null, ifRevision: undefined };
  return storageOf(env.PLUGIN_STORAGE, owner).write("storage", [entry], 1_000_000, Date.now());
}

beforeAll(async () => {
  await seedResources("exported");
  await seedResources("neighbour");
  await write("kept");
  root = await mintToken({ tenant: PLATFORM_TENANT, subject: "root", roles: ["admin"] });
  answer = await api("get", "/api/v1/admin/tenants/exported/export", { token: root });
  text = String(answer.body);
  lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
});

test("is a stream of lines of JSON", () => {
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  expect(lines[0]).toMatchObject({ kind: "header", format: 2, tenantId: "exported" });
});

test("has every row of every table that is the tenant's, whatever tables there are", async () => {
  const { results: tables } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%`tenant_id`%' ORDER BY 1",
  ).all<{ name: string }>();
  expect(tables.length).toBeGreaterThan(30);
  for (const { name } of [...tables, { name: "tenants" }]) {
    const column = name === "tenants" ? "id" : "tenant_id";
    const { results } = await env.DB.prepare(
      `SELECT * FROM "${name}" WHERE ${column} = 'exported' ORDER BY rowid`,
    ).all();
    const found = lines.filter(({ table }) => table === name).map(({ row }) => row);
    expect([name, found]).toEqual([name, OF_THE_PLATFORM.has(name) ? [] : results]);
  }
});

test("has nothing of another tenant", () => {
  expect(text).not.toContain("neighbour");
  for (const { row, table } of lines) {
    if (row) expect(row[table === "tenants" ? "id" : "tenant_id"]).toBe("exported");
  }
});

test("has what installs keep, from which it comes back", async () => {
  await write("lost");
  const bytes = lines.flatMap(({ kind, bytes: piece }) =>
    kind === "install-state" && piece !== undefined ? [Uint8Array.fromBase64(piece)] : [],
  );
  const stream = new Blob(bytes).stream();
  await importInstallState(backupDeps(), owner, stream);
  const entry = await storageOf(env.PLUGIN_STORAGE, owner).get("storage", "word", Date.now());
  expect(entry && new TextDecoder().decode(entry.value)).toBe("kept");
});

test("ends with the proof that it is whole", async () => {
  const body = `${text.trimEnd().split("\n").slice(0, -1).join("\n")}\n`;
  expect(lines.at(-1)).toEqual({ kind: "end", lines: lines.length - 1, sha256: await sha256Hex(body) });
});

test("is in the audit logs of both, and for the platform only", async () => {
  const { results } = await env.DB.prepare(
    "SELECT tenant_id, subject FROM audit_log WHERE action = 'tenant.export'",
  ).all();
  expect(results).toEqual(
    expect.arrayContaining([
      { tenant_id: "exported", subject: "root" },
      { tenant_id: PLATFORM_TENANT, subject: "root" },
    ]),
  );
  const own = await mintToken({ tenant: "exported", roles: ["admin"] });
  expectProblem(await api("get", "/api/v1/admin/tenants/exported/export", { token: own }), "PERMISSION_DENIED");
  expectProblem(await api("get", "/api/v1/admin/tenants/nobody/export", { token: root }), "TENANT_NOT_FOUND");
});
