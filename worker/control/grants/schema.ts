import * as v from "valibot";
import {
  CAPABILITIES,
  CAPABILITY_NAMES,
  capabilityNamed,
  type Capability,
} from "../../../sdk/contract/capabilities.ts";
import type { Addition, Grant, Grants } from "../../../sdk/contract/grants.ts";
import { distinct, list } from "../../../sdk/contract/manifest-fields.ts";
import { VERSION_MAX_LENGTH, VERSION_PATTERN } from "../../../sdk/contract/version.ts";
import { hostPattern, quotas, service, topic } from "../../../sdk/contract/manifest.ts";
import { GateChoice } from "../upgrades/gate-schema.ts";
import type { Ending } from "./rules.ts";

const NAMES_PER_SCOPE = 100;

function names<const Item extends v.GenericSchema<string, string>>(item: Item) {
  return v.exactOptional(distinct(list(item, NAMES_PER_SCOPE), String));
}

const capabilityName = v.pipe(
  v.string(),
  v.check(
    (name) => capabilityNamed(name) !== undefined,
    (issue) => `is not a capability: ${JSON.stringify(issue.input)}; there are ${CAPABILITY_NAMES.join(", ")}`,
  ),
);

/** Narrows what the manifest asks for; what is left out is granted as asked. */
const GrantBody = v.strictObject(
  {
    hosts: names(hostPattern),
    topics: names(topic),
    services: names(service),
    quotas: v.exactOptional(quotas),
  },
  (issue) => (issue.expected === "never" ? "is not a known field" : "must be an object"),
);

/** Grants by capability, under any of its names. */
export const GrantsInput = v.pipe(
  v.record(capabilityName, GrantBody, "must be an object of capabilities"),
  v.rawTransform(({ dataset, addIssue, NEVER }): Grants => {
    const named = new Map<Capability, string>();
    for (const name of Object.keys(dataset.value)) {
      const capability = nameOf(name);
      const other = named.get(capability);
      if (other !== undefined) {
        addIssue({
          message: `is another name of ${other}, which is there too`,
          path: [{ type: "object", origin: "key", input: dataset.value, key: name, value: dataset.value[name] }],
        });
        return NEVER;
      }
      named.set(capability, name);
    }
    return Object.fromEntries([...named].map(([capability, name]) => [capability, dataset.value[name] ?? {}]));
  }),
  v.description(
    "Grants by capability; `{}` grants it as asked. hosts, topics and services narrow what the manifest asks for, quotas may be up to the maximum of the table",
  ),
);

export const PermissionsBody = v.strictObject({ grants: GrantsInput });

export const RevokeBody = v.strictObject({
  capabilities: v.pipe(
    v.array(v.pipe(capabilityName, v.transform(nameOf))),
    v.minLength(1, "must name at least one capability"),
    v.maxLength(CAPABILITY_NAMES.length * 2, "must name each capability once"),
    v.description("Names or aliases of capabilities"),
  ),
});

export const ConsentBody = v.strictObject({
  version: v.pipe(
    v.string(),
    v.maxLength(VERSION_MAX_LENGTH),
    v.regex(VERSION_PATTERN, "must be a semantic version such as 1.2.0"),
    v.description("The version that waits for consent"),
  ),
  accept: v.optional(v.pipe(v.boolean(), v.description("False: the install stays in its version")), true),
  grants: v.optional(GrantsInput),
  gate: v.optional(GateChoice),
});

/** The checks above have refused names without a capability. */
function nameOf(name: string): Capability {
  const capability = capabilityNamed(name);
  if (!capability) throw new TypeError(`There is no capability ${name}.`);
  return capability;
}

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const capability = v.picklist(CAPABILITY_NAMES);

export const ShownGrant = v.object({
  hosts: v.optional(v.array(v.string())),
  topics: v.optional(v.array(v.string())),
  services: v.optional(v.array(v.string())),
  quotas: v.optional(v.record(v.string(), v.number())),
});

const PermissionAnswer = v.object({
  capability,
  title: v.string(),
  aliases: v.pipe(v.array(v.string()), v.description("Other names that requests and manifests may use")),
  reason: v.pipe(v.nullable(v.string()), v.description("Why the author asks for it")),
  status: v.pipe(
    v.picklist(["granted", "pending", "revoked"]),
    v.description("`pending`: asked for, and no admin has decided; calls are refused unless it is granted"),
  ),
  asked: ShownGrant,
  granted: v.pipe(v.nullable(ShownGrant), v.description("What is in force, with every quota; null where nothing is")),
  decidedBy: v.nullable(v.string()),
  decidedAt: v.nullable(time),
});

const PastGrant = v.object({
  capability,
  version: v.string(),
  granted: ShownGrant,
  grantedBy: v.string(),
  grantedAt: time,
  endedBy: v.string(),
  endedAt: time,
  ending: v.picklist(["revoked", "replaced", "unasked", "uninstalled"] as const satisfies readonly Ending[]),
});

const AdditionAnswer = v.object({
  capability,
  isNew: v.pipe(v.boolean(), v.description("True where the installed version does not ask for it at all")),
  anyHost: v.optional(
    v.pipe(v.literal(true), v.description("The installed version names hosts, this one asks for any")),
  ),
  ...ShownGrant.entries,
});

const ConsentAnswer = v.object({
  id: v.string(),
  fromVersion: v.string(),
  version: v.string(),
  additions: v.pipe(v.array(AdditionAnswer), v.description("What the version asks for beyond the installed one")),
  requestedBy: v.string(),
  requestedAt: time,
});

export const PermissionsAnswer = v.object({
  pluginId: v.string(),
  version: v.string(),
  permissions: v.pipe(v.array(PermissionAnswer), v.description("One for each capability that the version asks for")),
  consent: v.pipe(v.nullable(ConsentAnswer), v.description("A version that waits for an admin's consent")),
  history: v.pipe(v.array(PastGrant), v.description("Grants that ended, newest first, at most 100")),
});

export type PermissionsAnswer = v.InferInput<typeof PermissionsAnswer>;

/** A grant as answers show it. */
export function showGrant(grant: Grant): v.InferInput<typeof ShownGrant> {
  return {
    ...(grant.hosts ? { hosts: [...grant.hosts] } : {}),
    ...(grant.topics ? { topics: [...grant.topics] } : {}),
    ...(grant.services ? { services: [...grant.services] } : {}),
    ...(grant.quotas ? { quotas: { ...grant.quotas } } : {}),
  };
}

export function showAddition(addition: Addition): v.InferInput<typeof AdditionAnswer> {
  const { capability: name, isNew, anyHost } = addition;
  return { capability: name, isNew, ...(anyHost ? { anyHost } : {}), ...showGrant(addition) };
}

/** A grant in force with the quotas that count, defaults included. */
export function showGrantInForce(name: Capability, grant: Grant): v.InferInput<typeof ShownGrant> {
  const defaults = Object.entries(CAPABILITIES[name].quotas).map(([quota, spec]) => [quota, spec.default] as const);
  return { ...showGrant(grant), quotas: { ...Object.fromEntries(defaults), ...grant.quotas } };
}
