import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Manifest } from "../../../../sdk/contract/manifest.ts";
import { PLANS, type Plan } from "../../../../sdk/contract/plans.ts";
import { commit } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { newEvent, type NewEvent } from "../../events/rules.ts";
import { recordEvent } from "../../events/store.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { IncomingArea } from "../incoming-store.ts";
import { summarisePackage } from "../module-report.ts";
import { requireRoom, requireUploadable, versionConflict } from "../package-rules.ts";
import { findPackage, findVersion, getAllowance, insertVersion } from "../store.ts";
import type { VersionRecord } from "../version-record.ts";
import { proveRewritten, type Accepted } from "./keep.ts";
import { openPackage, type Opened } from "./prepare.ts";
import { receiveUpload } from "./receive.ts";

export type UploadDeps = Pick<Deps, "db" | "clock" | "newId" | "defer"> & { readonly env: Pick<Env, "STORE"> };

export interface Uploaded {
  readonly record: VersionRecord;
  /** False where the same package was there already. */
  readonly created: boolean;
}

/**
 * Receives a package, examines it and stores it as a version of its plugin. Whatever happens, nothing stays under
 * `incoming/`: the work outlives a client that goes away.
 *
 * @throws PlatformError  every code of the route's table; SCAN_REFUSED carries the findings
 */
export async function uploadPackage(deps: UploadDeps, actor: Actor, request: Request): Promise<Uploaded> {
  const work = takeInAndCleanUp(deps, actor, request);
  deps.defer(work.catch(reportedToTheCaller));
  return work;
}

/** The caller awaits the same promise and answers with its failure. */
function reportedToTheCaller(): void {}

async function takeInAndCleanUp(deps: UploadDeps, actor: Actor, request: Request): Promise<Uploaded> {
  const area = new IncomingArea(deps.env.STORE, deps.newId);
  try {
    return await takeIn(deps, actor, request, area);
  } finally {
    await area.discard();
  }
}

async function takeIn(deps: UploadDeps, actor: Actor, request: Request, area: IncomingArea): Promise<Uploaded> {
  const received = await receiveUpload(request, area);
  const { tenantId } = actor;
  const known = received.kind === "archive" ? await findPackage(deps.db, tenantId, received.archive.digest) : undefined;
  if (known) return { record: known, created: false };
  const opened = await openPackage(deps.env.STORE, received);
  requireUploadable(opened.manifest, tenantId);
  const same = await findSame(deps, tenantId, opened);
  if (same) return { record: same, created: false };
  const { plan, versions } = await requirePlan(deps, tenantId);
  requireRoom(plan, versions);
  const accepted = await opened.accept().catch((error: unknown) => noteRefusal(deps, actor, opened.manifest, error));
  await proveRewritten(deps.env.STORE, accepted);
  return storeVersion(deps, actor, { ...opened, ...accepted }, plan);
}

/** A package that the scan refuses leaves a line in the log. @throws what was given, always */
async function noteRefusal(deps: UploadDeps, actor: Actor, { id, version }: Manifest, error: unknown): Promise<never> {
  if (error instanceof PlatformError && error.code === "SCAN_REFUSED") {
    const findings = error.members?.["findings"];
    const refused = newEvent({
      id: deps.newId(),
      tenantId: actor.tenantId,
      pluginId: id,
      type: "package.refused",
      data: { version, code: error.code, findings: Array.isArray(findings) ? findings.length : 0 },
      subject: actor.subject,
      createdAt: deps.clock.now(),
    });
    await commit(deps.db, recordEvent(deps.db, refused));
  }
  throw error;
}

interface Allowance {
  readonly plan: Plan;
  readonly versions: number;
}

async function requirePlan({ db }: UploadDeps, tenantId: string): Promise<Allowance> {
  const allowance = await getAllowance(db, tenantId);
  if (!allowance) throw new PlatformError("TENANT_NOT_FOUND", `There is no tenant "${tenantId}".`);
  return allowance;
}

/**
 * @returns the version where this very package is stored already
 * @throws PlatformError VERSION_CONFLICT where another package is stored as this version
 */
async function findSame(
  { db }: UploadDeps,
  tenantId: string,
  { manifest, packageDigest }: Pick<Opened, "manifest" | "packageDigest">,
): Promise<VersionRecord | undefined> {
  const known = await findVersion(db, [tenantId], manifest.id, manifest.version);
  if (known && known.packageDigest !== packageDigest) {
    throw versionConflict(manifest, known.packageDigest, packageDigest);
  }
  return known;
}

/** Writes the rows. Of two equal uploads at once one writes, and both get its record. */
async function storeVersion(deps: UploadDeps, actor: Actor, content: Opened & Accepted, plan: Plan): Promise<Uploaded> {
  const { tenantId, subject } = actor;
  const { manifest, packageDigest, packageBytes, moduleDigest, scan, rewriting, rewrittenDigest } = content;
  const { id: pluginId, version } = manifest;
  const createdAt = deps.clock.now();
  const record: VersionRecord = {
    id: deps.newId(),
    tenantId,
    pluginId,
    version,
    manifest,
    packageDigest,
    packageBytes,
    moduleDigest,
    rewrittenDigest,
    rewriterVersion: rewriting.rewriterVersion,
    module: summarisePackage(content),
    scan,
    state: "validated",
    uploadedBy: subject,
    createdAt,
    yankedAt: null,
    yankReason: null,
  };
  const { versions: allowed } = PLANS[plan];
  const after = { version, packageDigest, moduleDigest, packageBytes, verdict: scan.verdict };
  const audit = auditRow(actor, { action: "package.upload", resourceId: pluginId, after }, deps.newId(), createdAt);
  if (await insertVersion(deps.db, record, eventsOf(deps, record), allowed, audit)) return { record, created: true };
  const winner = await findSame(deps, tenantId, content);
  if (winner) return { record: winner, created: false };
  requireRoom(plan, allowed);
  throw new PlatformError("INTERNAL", `Version ${version} of "${pluginId}" could not be stored.`);
}

function eventsOf({ newId }: UploadDeps, record: VersionRecord): [NewEvent, NewEvent] {
  const { tenantId, pluginId, version, packageDigest, rewriterVersion, module, scan, createdAt } = record;
  const shared = { tenantId, pluginId, subject: record.uploadedBy, createdAt };
  const { verdict, findings } = scan;
  const validated = { version, rewriterVersion, functions: module.functions.length, findings: findings.length };
  return [
    newEvent({ ...shared, id: newId(), type: "package.uploaded", data: { version, packageDigest, verdict } }),
    newEvent({ ...shared, id: newId(), type: "package.validated", data: validated }),
  ];
}
