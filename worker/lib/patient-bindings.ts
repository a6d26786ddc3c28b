import type { Clock } from "./clock.ts";
import { PATIENCE_MS, within } from "./patience.ts";

/** Queues and Durable Objects that fail where they do not answer in time, instead of holding up whoever asked for ever. */

const QUEUES = [
  "OUTCOMES",
  "MESSAGES",
  "WEBHOOKS",
  "AUDITS",
  "HEALTH_CHECKS",
] as const satisfies readonly (keyof Env)[];
const OBJECTS = {
  SYSTEM_MODE: PATIENCE_MS.mode,
  PLUGIN_HEALTH: PATIENCE_MS.objects,
  IDEMPOTENCY: PATIENCE_MS.objects,
  MESSAGE_INBOX: PATIENCE_MS.objects,
  EVENT_STREAM: PATIENCE_MS.objects,
  PLUGIN_STORAGE: PATIENCE_MS.dataObjects,
  PLUGIN_DATABASE: PATIENCE_MS.dataObjects,
  PLUGIN_FILES: PATIENCE_MS.dataObjects,
  BACKUP_SCRATCH: PATIENCE_MS.dataObjects,
} as const satisfies Partial<Record<keyof Env, number>>;

type Method = (...values: unknown[]) => unknown;

/** One per worker isolate: the bindings do not change, and neither does what is around them. */
const known = new WeakMap<Env, { readonly clock: Clock; readonly env: Env }>();

/** The bindings, with queues and objects that answer in time or fail. */
export function patientBindings(bindings: Env, clock: Clock): Env {
  const made = known.get(bindings);
  if (made?.clock === clock) return made.env;
  const isThere = (name: string): boolean => name in bindings; // one that is not is found by who looks at the deployment
  const queues = QUEUES.filter(isThere).map(
    (name) => [name, patient(bindings[name], clock, PATIENCE_MS.queue)] as const,
  );
  const there = Object.entries(OBJECTS).filter(([name]) => isThere(name));
  const objects = there.map(([name, patience]) => {
    const namespace = bindings[name as keyof typeof OBJECTS]; // Object.entries loses the key type
    const get = (...values: unknown[]): unknown => patient(call(namespace, "get", values) as object, clock, patience); // a stub
    return [name, replacing(namespace, (member) => (member === "get" ? get : undefined))] as const;
  });
  const members = [...queues, ...objects].map(([name, value]) => [name, { value, enumerable: true }] as const);
  const env = Object.create(bindings, Object.fromEntries(members)) as Env; // some members replaced
  known.set(bindings, { clock, env });
  return env;
}

/** Every method of the target within its time. A stub's are known only where they run. */
function patient<T extends object>(target: T, clock: Clock, milliseconds: number): T {
  return replacing(target, (name) => {
    return (...values) => within(clock, milliseconds, async () => await call(target, name, values));
  });
}

/** The target with some methods replaced; all are called on the target itself, as native objects demand. */
function replacing<T extends object>(target: T, replacement: (name: string) => Method | undefined): T {
  return new Proxy(target, {
    get(_, name) {
      // A stub would take `then` for a method of its object.
      if (name === "then") return undefined;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function" || typeof name === "symbol") return member;
      return replacement(name) ?? ((...values: unknown[]) => call(target, name, values));
    },
  });
}

function call(target: object, name: string, values: readonly unknown[]): unknown {
  return (target as Readonly<Record<string, Method>>)[name]?.(...values);
}
