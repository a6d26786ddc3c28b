/** Catalogue of events. Every move of a state machine is one of these; ids sort by time. */
export interface EventSpec {
  readonly title: string;
}

export const EVENTS = {
  "package.uploaded": { title: "a version was uploaded and validated" },
  "plugin.installed": { title: "a plugin was installed" },
  "plugin.activated": { title: "an install began to take calls" },
  "plugin.deactivated": { title: "an install stopped taking calls" },
  "plugin.updated": { title: "version, configuration or limits of an install changed" },
  "plugin.failed": { title: "an install moved to error" },
  "plugin.recovered": { title: "an install left error" },
  "plugin.quarantined": { title: "an install was quarantined" },
  "plugin.released": { title: "an install left quarantine" },
  "plugin.uninstalled": { title: "an install was removed" },
} as const satisfies Record<string, EventSpec>;

export type EventType = keyof typeof EVENTS;
