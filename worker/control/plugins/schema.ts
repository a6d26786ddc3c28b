import * as v from "valibot";
import { PLUGIN_TYPES } from "../../../sdk/contract/manifest.ts";
import { INSTALL_STATES, InstallAnswer } from "../installs/schema.ts";

const STATES = ["validated", ...INSTALL_STATES] as const;
const SEARCH_LENGTH = 100;
const CATEGORY_LENGTH = 50;

export const PluginFilter = v.object({
  state: v.optional(
    v.pipe(
      v.picklist(STATES, `must be one of ${STATES.join(", ")}`),
      v.description("State of the plugin at this tenant; `validated`: never installed"),
    ),
  ),
  type: v.optional(v.picklist(PLUGIN_TYPES, `must be one of ${PLUGIN_TYPES.join(", ")}`)),
  category: v.optional(
    v.pipe(v.string(), v.maxLength(CATEGORY_LENGTH, `must be at most ${CATEGORY_LENGTH} characters`)),
  ),
  q: v.optional(
    v.pipe(
      v.string(),
      v.minLength(1, "must not be empty"),
      v.maxLength(SEARCH_LENGTH, `must be at most ${SEARCH_LENGTH} characters`),
      v.description("Part of id, name or description, in any case"),
    ),
  ),
  installed: v.optional(
    v.pipe(
      v.picklist(["true", "false"], "must be true or false"),
      v.transform((text) => text === "true"),
      v.description("True: only what is installed now. False: only what is not"),
    ),
  ),
});

export type PluginFilter = v.InferOutput<typeof PluginFilter>;

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

const summary = {
  id: v.string(),
  ownerTenantId: v.pipe(v.string(), v.description("Whose package it is: the tenant's own, or the platform's")),
  name: v.string(),
  description: v.string(),
  type: v.string(),
  category: v.string(),
  state: v.pipe(v.picklist(STATES), v.description("State at this tenant; `validated`: never installed")),
  installedVersion: v.nullable(v.string()),
  latestVersion: v.pipe(
    v.nullable(v.string()),
    v.description("What installs when no version is named; null where no version can be installed"),
  ),
  createdAt: time,
  updatedAt: time,
};

export const PluginSummary = v.object(summary);

/** Marks an answer that was made from the tenant's snapshot, because the database is away. */
export const StaleMark = v.object({
  since: v.pipe(v.number(), v.integer(), v.description("When the database was lost; milliseconds since the epoch")),
});

/** What the snapshot knows; null is what it was written without. */
const staleSummary = {
  ...summary,
  ownerTenantId: v.nullable(v.string()),
  type: v.nullable(v.string()),
  category: v.nullable(v.string()),
  latestVersion: v.optional(v.string()),
  createdAt: v.nullable(time),
  updatedAt: v.nullable(time),
};
export const StalePluginSummary = v.object(staleSummary);
export type StalePluginSummary = v.InferOutput<typeof StalePluginSummary>;

export const StalePluginDetail = v.object({
  ...staleSummary,
  install: v.object({
    id: v.string(),
    version: v.string(),
    state: v.picklist(INSTALL_STATES),
    configRevision: v.number(),
  }),
  stale: StaleMark,
});
export type StalePluginDetail = v.InferOutput<typeof StalePluginDetail>;

export const PluginDetail = v.object({
  ...summary,
  manifest: v.pipe(
    v.record(v.string(), v.unknown()),
    v.description("Of the installed version, else of the latest; schema: manifest.schema.json"),
  ),
  versions: v.pipe(
    v.array(
      v.object({
        id: v.string(),
        version: v.string(),
        state: v.picklist(["validated", "quarantined"]),
        createdAt: time,
      }),
    ),
    v.description("Newest first, at most 100"),
  ),
  install: v.nullable(InstallAnswer),
  events: v.object({ count: v.number(), lastAt: v.nullable(time) }),
});
