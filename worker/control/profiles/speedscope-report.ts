import type { Frame, ProfileNode } from "./tree-report.ts";

/** A profile as https://www.speedscope.app opens it: https://www.speedscope.app/file-format-schema.json. */

export const SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json";
export const SPEEDSCOPE_TYPE = "application/vnd.speedscope+json";

export interface SpeedscopeFrame {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
}

export interface SpeedscopeEvent {
  /** Opens or closes a frame. */
  readonly type: "O" | "C";
  /** Index into the shared frames. */
  readonly frame: number;
  /** Fuel used up to here. */
  readonly at: number;
}

export interface SpeedscopeFile {
  readonly $schema: typeof SPEEDSCOPE_SCHEMA;
  readonly name: string;
  readonly exporter: string;
  readonly activeProfileIndex: number;
  readonly shared: { readonly frames: readonly SpeedscopeFrame[] };
  readonly profiles: readonly [
    {
      readonly type: "evented";
      readonly name: string;
      readonly unit: "none";
      readonly startValue: number;
      readonly endValue: number;
      readonly events: readonly SpeedscopeEvent[];
    },
  ];
}

/**
 * Fuel stands for time: the tree is walked depth first, and each path lasts as long as its total.
 *
 * @param name  shown as the title
 */
export function speedscopeFile(tree: ProfileNode, name: string): SpeedscopeFile {
  const writer = new EventWriter();
  writer.visit(tree);
  return {
    $schema: SPEEDSCOPE_SCHEMA,
    name,
    exporter: "patchbay",
    activeProfileIndex: 0,
    shared: { frames: writer.frames },
    profiles: [{ type: "evented", name, unit: "none", startValue: 0, endValue: tree.total, events: writer.events }],
  };
}

class EventWriter {
  readonly frames: SpeedscopeFrame[] = [];
  readonly events: SpeedscopeEvent[] = [];
  readonly #numbers = new Map<string, number>();
  #at = 0;

  visit(node: ProfileNode): void {
    const frame = this.#frame(node);
    this.events.push({ type: "O", frame, at: this.#at });
    for (const child of node.children) this.visit(child);
    this.#at += node.self;
    this.events.push({ type: "C", frame, at: this.#at });
  }

  /** Two functions may have one name; they stay two frames. */
  #frame({ index, module, name, file, line }: Frame): number {
    const key = index === null ? name : `${index} ${module ?? ""}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const shown = file === undefined || line === undefined ? { name } : { name, file, line };
    this.#numbers.set(key, this.frames.length);
    return this.frames.push(shown) - 1;
  }
}
