import journal from "../../../migrations/meta/_journal.json";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Deps } from "../../deps.ts";
import { sha256Hex } from "../../lib/hex.ts";
import { parseKeyRing } from "../../lib/key-ring.ts";
import { newEvent, SYSTEM_SUBJECT } from "../events/rules.ts";
import { changedParts, judge, KEY_RINGS, type Finding, type Fingerprint } from "./rules.ts";
import { insertEnvironment, readFacts } from "./store.ts";

export type EnvironmentDeps = Pick<Deps, "db" | "modes" | "clock" | "newId" | "env">;

/** Migrations that this build knows, in order. */
const MIGRATIONS = journal.entries.map(({ tag }) => `${tag}.sql`);

export interface JudgedEnvironment {
  readonly digest: string;
  readonly worker: string | null;
  readonly environment: string;
  readonly schema: { readonly expected: string; readonly applied: string | null };
  readonly bindings: string[];
  readonly keys: Record<string, { readonly current: string; readonly ids: string[] }>;
  readonly findings: Finding[];
}

/**
 * Takes the deployment's fingerprint, records one that was not seen before, and holds it against the data: where writing could
 * do damage, the platform enters emergency mode, and leaves it once the deployment fits.
 *
 * @param report  `always`: also where all is well and nothing is known to be amiss
 */
export async function judgeEnvironment(
  deps: EnvironmentDeps,
  report: "always" | "amiss" = "amiss",
): Promise<JudgedEnvironment> {
  const { digests, ...facts } = await readFacts(deps.db, MIGRATIONS.at(-1) ?? "");
  const fingerprint = await fingerprintOf(deps.env, facts.applied);
  const digest = await sha256Hex(JSON.stringify(fingerprint));
  const findings = judge(fingerprint, { ...facts, known: MIGRATIONS });
  const dangers = findings.filter(({ danger }) => danger).map(({ detail }) => detail);
  if (digests && !digests.includes(digest)) {
    const [before] = facts.earlier;
    const firstSeenAt = deps.clock.now();
    const event = newEvent({
      id: deps.newId(),
      tenantId: PLATFORM_TENANT,
      pluginId: null,
      type: "environment.changed",
      data: { digest, changed: changedParts(fingerprint, before).join(", "), dangers: dangers.length },
      subject: SYSTEM_SUBJECT,
      createdAt: firstSeenAt,
    });
    await insertEnvironment(deps.db, { digest, fingerprint, firstSeenAt }, before && event);
  }
  if (dangers.length > 0 || report === "always") {
    await deps.modes.change((object, moment) => object.judged({ digest, dangers }, moment));
  }
  const { worker, environment, schema, bindings, keys } = fingerprint;
  const shown = Object.entries(keys).map(([ring, { current, ids }]): [string, { current: string; ids: string[] }] => [
    ring,
    { current, ids: [...ids] },
  ]);
  return { digest, worker, environment, schema, bindings: [...bindings], keys: Object.fromEntries(shown), findings };
}

async function fingerprintOf(env: Env, applied: readonly string[]): Promise<Fingerprint> {
  const flags = Object.entries(Cloudflare.compatibilityFlags).flatMap(([name, isOn]) => (isOn ? [name] : []));
  const rings = KEY_RINGS.flatMap((ring) => {
    const ids = ringIds(ring, env[ring]);
    return ids ? [[ring, ids] as const] : [];
  });
  return {
    worker: env.WORKER_VERSION?.id || null,
    compatibility: await sha256Hex(flags.toSorted().join(" ")),
    environment: env.ENVIRONMENT,
    bindings: bindingsOf(env),
    schema: { expected: MIGRATIONS.at(-1) ?? "", applied: applied.toSorted().at(-1) ?? null },
    keys: Object.fromEntries(rings),
  };
}

/** Names of services; those of variables and secrets say little, and may come and go. */
function bindingsOf(env: Env): string[] {
  const names: string[] = [];
  // The environment of a request is the real one with members in front of it.
  for (const name in env) if (typeof env[name as keyof Env] === "object") names.push(name);
  return names.toSorted();
}

/** @returns undefined where the secret is no key ring */
function ringIds(ring: string, secret: string): Fingerprint["keys"]["CONFIG_KEYS"] {
  try {
    const { current, keys } = parseKeyRing(ring, secret);
    return { current, ids: Object.keys(keys).sort() };
  } catch {
    return undefined;
  }
}
