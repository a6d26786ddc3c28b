import { streamOf } from "../../../../durable-objects/event-stream/client.ts";
import { inboxOf } from "../../../../durable-objects/message-inbox/client.ts";
import { commit } from "../../../db/client.ts";
import { snapshotKey } from "../../../execution/snapshot.ts";
import type { Actor } from "../../../lib/actor.ts";
import { listPages } from "../../../lib/bucket-pages.ts";
import { byteSegments } from "../../../lib/byte-segments.ts";
import { toHex } from "../../../lib/hex.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { prefixesOf } from "../../erasures/rules.ts";
import { listVersionsAfter } from "../../packages/store.ts";
import { blobsOf } from "../../packages/stored-blobs-store.ts";
import type { VersionRecord } from "../../packages/version-record.ts";
import { auditRows, readTenant } from "../../tenants/actions.ts";
import { tenantBlobPrefix } from "../blob-store.ts";
import { exportInstallState } from "../install-state-store.ts";
import { ownerColumn, records, type TableInfo } from "../table-rules.ts";
import { readSchema } from "../schema-store.ts";
import { listInstallsAfter, readPage } from "../table-store.ts";
import type { BackupDeps } from "./context.ts";

/** Everything that a tenant has, as lines of JSON. */

export const EXPORT_FORMAT = 2;
const INSTALLS_PER_PAGE = 50;
const DELIVERIES_PER_LINE = 500;
/** Bytes of an object in one line. */
const PIECE_BYTES = 768 * 1024;

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
  const stream = await streamOf(deps.env.EVENT_STREAM, tenantId).exportState();
  yield [{ kind: "object-state", object: "EventStream", ...stream }];
  for (let after: string | undefined = ""; after !== undefined;) {
    const installs = await listInstallsAfter(deps.env.DB, tenantId, after, INSTALLS_PER_PAGE);
    for (const installId of installs) {
      for await (const bytes of exportInstallState(deps, { tenantId, installId }, undefined, null)) {
        yield [{ kind: "install-state", installId, bytes: bytes.toBase64() }];
      }
      yield* deliveriesOf(deps, tenantId, installId);
    }
    after = installs.at(-1);
  }
  for (const key of await packageKeys(deps, tenantId)) yield* bytesOf(deps.env.STORE, key);
  yield* bytesOf(deps.env.STORE, snapshotKey(tenantId));
  for (const prefix of prefixesOf(tenantId)) {
    // Copies for backups are of files that are there too.
    if (prefix === tenantBlobPrefix(tenantId)) continue;
    for await (const page of listPages(deps.env.STORE, { prefix })) {
      for (const { key } of page) yield* bytesOf(deps.env.STORE, key);
    }
  }
}

/** What the inbox of an install knows of messages. */
async function* deliveriesOf({ env }: BackupDeps, tenantId: string, installId: string): Lines {
  const inbox = inboxOf(env.MESSAGE_INBOX, tenantId, installId);
  for (let after: unknown = ""; typeof after === "string";) {
    const deliveries = await inbox.exportDeliveries(after, DELIVERIES_PER_LINE);
    if (deliveries.length > 0) yield [{ kind: "object-state", object: "MessageInbox", installId, deliveries }];
    after = deliveries.length === DELIVERIES_PER_LINE ? deliveries.at(-1)?.["id"] : undefined;
  }
}

/** Everything that is stored of the tenant's own versions, whoever else has the same. */
async function packageKeys({ db }: BackupDeps, tenantId: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (let after: string | undefined = ""; after !== undefined;) {
    const versions: readonly VersionRecord[] = await listVersionsAfter(db, after, INSTALLS_PER_PAGE, tenantId);
    for (const { key } of versions.flatMap((version) => blobsOf(version))) keys.add(key);
    after = versions.at(-1)?.id;
  }
  return keys;
}

/** An object of the store in pieces; nothing where it is gone. */
async function* bytesOf(bucket: R2Bucket, key: string): Lines {
  const object = await bucket.get(key);
  if (!object) return;
  yield [{ kind: "object", key, size: object.size, metadata: object.customMetadata }];
  for await (const bytes of byteSegments(object.body, PIECE_BYTES)) {
    yield [{ kind: "object-bytes", key, bytes: bytes.toBase64() }];
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
