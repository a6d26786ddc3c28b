import type { Environment } from "../../../../sdk/contract/config/environments.ts";
import type { JsonObject } from "../../../../sdk/contract/config/json-values.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { NewEvent } from "../../events/store.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import type { Further } from "../../installs/store.ts";
import type { RevisionHead, SealedDocument } from "../configuration-record.ts";
import {
  changedInDocument,
  documentIssues,
  effectiveConfig,
  environmentsOf,
  splitSecrets,
  type OpenDocument,
} from "../document-rules.ts";
import { configInvalid } from "../refusal-rules.ts";
import { insertRevision } from "../store.ts";
import { sealDocument, type VersionConfig } from "./present.ts";

/** Longest list of changed places in an event, in UTF-16 units. */
const CHANGED_LENGTH = 500;

export interface ConfigPlan {
  readonly configRevision: number;
  readonly event: NewEvent;
  /** Places that are others now, as JSON pointers. */
  readonly changed: readonly string[];
  /** False where only the version or the seals are others: then the event need not be told. */
  readonly changes: boolean;
  readonly further: Further;
  /** What plugins read, by environment, and its secrets. */
  readonly effective: Partial<Record<Environment, JsonObject>>;
  readonly secrets: SealedDocument["secrets"];
}

export interface PlannedChange extends Pick<RevisionHead, "environment" | "change"> {
  readonly document: OpenDocument;
  /** Why, where the change itself does not say so. */
  readonly reason?: string;
  /** The version whose schema the configuration must fit. */
  readonly version: VersionConfig;
  /** The present configuration, as stored and opened. */
  readonly known: { readonly document: SealedDocument; readonly opened: OpenDocument };
}

/** @throws {PlatformError} CONFIG_INVALID naming every place that does not fit */
export function requireFitting(version: VersionConfig, document: OpenDocument): void {
  const issues = documentIssues(version.schema, document);
  if (issues.length > 0) throw configInvalid(version.manifest, issues);
}

/** The next revision of an install's configuration: what the batch of the change must set, record and write. */
export async function planRevision(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  planned: PlannedChange,
): Promise<ConfigPlan> {
  const { document, version, known, environment, change, reason } = planned;
  const revision = install.configRevision + 1;
  const changed = changedInDocument(known.opened, document);
  const createdAt = deps.clock.now();
  const sealed = await sealDocument(deps, install, document, version.secrets, known);
  const row = {
    tenantId: install.tenantId,
    installId: install.id,
    pluginId: install.pluginId,
    revision,
    version: version.manifest.version,
    document: sealed,
    effective: effectiveByEnvironment(version, document),
    environment,
    change,
    changed,
    author: actor.subject,
    createdAt,
  };
  const event: NewEvent = {
    id: deps.newId(),
    tenantId: install.tenantId,
    pluginId: install.pluginId,
    type: "config.changed",
    data: { installId: install.id, revision, changed: listed(changed), ...(reason === undefined ? {} : { reason }) },
    subject: actor.subject,
    createdAt,
  };
  const changes = changed.length > 0;
  const further: Further = (happened) => insertRevision(deps.db, row, happened);
  return {
    configRevision: revision,
    event,
    changed,
    changes,
    further,
    effective: row.effective,
    secrets: sealed.secrets,
  };
}

function effectiveByEnvironment(
  version: VersionConfig,
  document: OpenDocument,
): Partial<Record<Environment, JsonObject>> {
  return Object.fromEntries(
    environmentsOf(document).map((environment) => {
      const whole = effectiveConfig(version.schema, document, environment);
      return [environment, splitSecrets(whole, version.secrets).values];
    }),
  );
}

function listed(changed: readonly string[]): string {
  const text = changed.join(", ");
  return text.length <= CHANGED_LENGTH ? text : `${text.slice(0, CHANGED_LENGTH)}…`;
}
