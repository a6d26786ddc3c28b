import { commit } from "../../../db/client.ts";
import type { Actor } from "../../../lib/actor.ts";
import { toHex } from "../../../lib/hex.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { auditRows, readTenant } from "../../tenants/actions.ts";
import { exportInstallState } from "../install-state-store.ts";
import { ownerColumn, records, type TableInfo } from "../table-rules.ts";
import { listInstallsAfter, readPage, readSchema } from "../table-store.ts";
import type { BackupDeps } from "./context.ts";

/** A tenant's rows and what its installs keep, as lines of JSON. */

export const EXPORT_FORMAT = 1;
const INSTALLS_PER_PAGE = 50;

type Lines = AsyncGenerator<readonly object[]>;

/**
 * Rows are read page by page: the export is of one moment only where the tenant is suspended meanwhile.
 *
 * @throws {PlatformError} TENANT_NOT_FOUND
 */
export async function exportTenant(
  deps: BackupDeps,
  actor: Actor,
  tenantId: string,
): Promise<ReadableStream<Uint8Array>> {
  const { plan, status } = await readTenant(deps, tenantId);
  const audit = auditRows(deps, actor, { action: "tenant.export", resourceId: tenantId, after: { plan, status } });
  await commit(deps.db, recordAudit(deps.db, audit));
  const chunks = encoded(linesOf(deps, tenantId));
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}

async function* linesOf(deps: BackupDeps, tenantId: string): Lines {
  const { tables, migration } = await readSchema(deps.env.DB);
  yield [{ kind: "header", format: EXPORT_FORMAT, tenantId, migration, at: deps.clock.now() }];
  for (const table of tables) yield* rowsOfTable(deps, table, tenantId);
  for (let after: string | undefined = ""; after !== undefined;) {
    const installs = await listInstallsAfter(deps.env.DB, tenantId, after, INSTALLS_PER_PAGE);
    for (const installId of installs) {
      for await (const bytes of exportInstallState(deps, { tenantId, installId })) {
        yield [{ kind: "install-state", installId, bytes: bytes.toBase64() }];
      }
    }
    after = installs.at(-1);
  }
}

async function* rowsOfTable({ env }: BackupDeps, table: TableInfo, tenantId: string): Lines {
  const owner = ownerColumn(table.name);
  if (!table.columns.includes(owner)) return;
  const own = { sql: `"${owner}" = ?`, params: [tenantId] };
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = await readPage(env.DB, table, own, after, Number.MAX_SAFE_INTEGER);
    yield records(page).map((row) => ({ kind: "row", table: table.name, row }));
    after = page.next;
  }
}

/** The lines as bytes, and after them the line that proves that they are whole. */
async function* encoded(pages: Lines): AsyncGenerator<Uint8Array> {
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  let lines = 0;
  for await (const page of pages) {
    if (page.length === 0) continue;
    const bytes = new TextEncoder().encode(page.map((line) => `${JSON.stringify(line)}\n`).join(""));
    lines += page.length;
    await writer.write(bytes);
    yield bytes;
  }
  await writer.close();
  const end = { kind: "end", lines, sha256: toHex(await hash.digest) };
  yield new TextEncoder().encode(`${JSON.stringify(end)}\n`);
}
