import { namesOf } from "../../../sdk/contract/config/json-values.ts";
import { ERRORS, PlatformError } from "../../../sdk/contract/errors.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { Deps } from "../../deps.ts";
import type { InvokeDeps } from "../../execution/invoke.ts";
import { EXECUTION_HEADER } from "../../execution/idempotency/key-rules.ts";
import type { IncomingWebhook, Snapshot, SnapshotInstall } from "../../execution/snapshot.ts";
import { passedHeaders } from "../endpoints/rules.ts";
import { invokeThrough } from "../middleware/actions.ts";
import { contentOf, type Visit } from "../middleware/rules.ts";
import { verifiedId } from "./rules.ts";

const LOG_LEVEL_INFO = 2;
/** What says which event a webhook is about, of the senders that most have. */
const EVENT_HEADERS = ["webhook-id", "webhook-timestamp", "x-github-event", "x-github-delivery"];

type ReceiveDeps = InvokeDeps & Pick<Deps, "idempotency">;

/** A webhook that a plugin takes. */
export interface Intake {
  readonly snapshot: Snapshot;
  readonly install: SnapshotInstall;
  readonly webhook: IncomingWebhook;
}

export interface Delivery {
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly traceId: string;
}

/** @throws {PlatformError} WEBHOOK_NOT_FOUND, the same whatever is unknown; SNAPSHOT_UNAVAILABLE */
export async function findIntake(
  { snapshots }: Pick<Deps, "snapshots">,
  tenantId: string,
  pluginId: string,
  name: string,
): Promise<Intake> {
  const snapshot = await snapshots.read(tenantId);
  const isServed = snapshot?.status === "active" && Object.hasOwn(snapshot.installs, pluginId);
  const install = isServed ? snapshot.installs[pluginId] : undefined;
  const webhook = install?.incoming?.find((entry) => entry.name === name);
  if (!snapshot || !install || !webhook) throw new PlatformError("WEBHOOK_NOT_FOUND", "No plugin takes this webhook.");
  return { snapshot, install, webhook };
}

/**
 * Verifies a webhook and gives it to the plugin's function, once for each delivery: the same one sent again gets the first
 * answer. Where the plugin fails nothing is kept, so that it runs again when the sender tries again.
 *
 * @throws {PlatformError} WEBHOOK_SIGNATURE_INVALID, before anything runs and whatever is wrong; PLUGIN_INACTIVE;
 *   WEBHOOK_NOT_HANDLED; the platform's own failures
 */
export async function receiveWebhook(deps: ReceiveDeps, intake: Intake, delivery: Delivery): Promise<Response> {
  const { snapshot, install, webhook } = intake;
  const { headers, body } = delivery;
  const secret = await secretOf(deps, snapshot.tenantId, install, webhook.secret);
  const id = await verifiedId(webhook, secret, headers, body, Math.floor(deps.clock.now() / 1_000));
  if (id === undefined) {
    throw new PlatformError("WEBHOOK_SIGNATURE_INVALID", "The signature is missing, wrong or too old; nothing ran.");
  }
  const request = {
    tenantId: snapshot.tenantId,
    pluginId: install.pluginId,
    functionName: webhook.functionName,
    // A key that callers choose has no spaces, so that none of theirs is one of these.
    key: `webhook ${webhook.name} ${id}`,
    contentType: "",
    body,
  };
  return deps.idempotency.answer(request, async () => ({
    response: await run(deps, intake, delivery, id),
    keep: true,
  }));
}

/** Only what lies sealed counts: a setting that anybody reads would prove nothing. */
async function secretOf(
  { configs }: Pick<Deps, "configs">,
  tenantId: string,
  install: SnapshotInstall,
  name: string,
): Promise<string | undefined> {
  const isSealed = Object.keys(install.secrets ?? {}).some((pointer) => {
    const names = namesOf(pointer);
    return names.length === 1 && names[0] === name;
  });
  if (!isSealed) return undefined;
  const { texts, jsonNames } = await configs.open(tenantId, install);
  return jsonNames.includes(name) ? undefined : texts[name];
}

async function run(deps: InvokeDeps, { snapshot, install, webhook }: Intake, delivery: Delivery, id: string) {
  const { pluginId } = install;
  const { name, functionName } = webhook;
  const content = contentOf(delivery.body);
  const input = {
    name,
    id,
    headers: passedHeaders(delivery.headers, [...EVENT_HEADERS, ...(webhook.headers ?? [])]),
    ...("text" in content ? { body: content.text } : content),
  };
  const visit: Visit = { kind: "webhook", path: `/hooks-in/${pluginId}/${name}`, pluginId, functionName };
  const { outcome, record } = await invokeThrough(deps, snapshot, visit, {
    pluginId,
    functionName,
    input: new TextEncoder().encode(JSON.stringify(input)),
    options: { logLevel: LOG_LEVEL_INFO },
    subject: "webhook",
    roles: [],
    traceId: delivery.traceId,
  });
  if (outcome.failure) throw notHandled(outcome.failure, record.id);
  return Response.json({ id, executionId: record.id }, { headers: { [EXECUTION_HEADER]: record.id } });
}

/** A plugin's own words are not for the sender. */
function notHandled({ code }: SandboxFailure, executionId: string): PlatformError {
  const { blame, title } = ERRORS[code];
  const told = blame === "platform" || code === "INPUT_TOO_LARGE" ? code : "WEBHOOK_NOT_HANDLED";
  return new PlatformError(told, told === code ? title : "The plugin failed; its execution's record says how.", {
    members: { executionId },
  });
}
