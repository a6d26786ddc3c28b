/**
 * Finds the regions of one function in one pass over its instructions, without a graph.
 *
 * A region is executed as a whole once its first instruction is, unless something in it traps or throws. Its cost is
 * taken at its beginning, so work is never done before it is paid. New regions begin at the function's entry, behind
 * `loop`, at both arms of an `if`, behind a conditional branch, at exception handlers, and behind the `end` of a block
 * from which some branch leaves further out. Code behind any other block belongs to the region before that block.
 * Code that cannot be reached belongs to none and costs nothing.
 */
import { LOOP_COST } from "./costs.ts";
import { Edit, EditKind, Region } from "./edits.ts";
import type { ByteReader } from "./reader.ts";

type FrameKind = "function" | "block" | "loop" | "if" | "try";

class Frame {
  readonly kind: FrameKind;
  /** Region in which the frame begins, null where it cannot be reached. */
  readonly start: Region | null;
  /** Region of the loop's body, for loops that can be reached. */
  loop: Region | null = null;
  /** Outermost frame to which something inside branches; the frame's own position where nothing leaves it. */
  outermost: number;
  /** Something branches to this frame's label. */
  targeted = false;
  hasElse = false;
  /** The end can be reached from an arm that is closed already: then, try, or an earlier handler. */
  armReachesEnd = false;

  constructor(kind: FrameKind, start: Region | null, position: number) {
    this.kind = kind;
    this.start = start;
    this.outermost = position;
  }
}

export class ControlFlow {
  /** Region that the next instruction belongs to; null where it cannot be reached. */
  current: Region | null;
  /** Some branch goes to the label of the function itself. */
  branchesToFunction = false;
  /** Once the function has ended: the region that alone reaches its end, or null. */
  endRegion: Region | null = null;
  readonly #frames: Frame[] = [];
  readonly #regions: Region[] = [];
  readonly #edits: Edit[];
  readonly #reader: ByteReader;

  /**
   * Begins a function at the reader's position.
   * @param edits  receives a charge for each region, at the reader's position of the moment
   */
  constructor(reader: ByteReader, edits: Edit[], entryCost: number) {
    this.#reader = reader;
    this.#edits = edits;
    this.current = this.#begin("entry", null, entryCost);
    this.#push("function");
  }

  /** Frames open; 0 once the function has ended. */
  get depth(): number {
    return this.#frames.length;
  }

  #begin(kind: Region["kind"], parent: Region | null, cost = 0): Region {
    const region = new Region(kind, parent);
    region.cost = cost;
    const { position } = this.#reader;
    this.#regions.push(region);
    this.#edits.push(new Edit(EditKind.charge, position, position, 0, 0, region));
    return region;
  }

  #push(kind: FrameKind): Frame {
    const frame = new Frame(kind, this.current, this.#frames.length);
    this.#frames.push(frame);
    return frame;
  }

  #top(): Frame {
    const frame = this.#frames.at(-1);
    if (frame === undefined) this.#reader.malformed("the function has ended already");
    return frame;
  }

  /** `block` and `try_table`. */
  block(): void {
    this.#push("block");
  }

  try(): void {
    this.#push("try");
  }

  loop(): void {
    const frame = this.#push("loop");
    if (this.current !== null) this.current = frame.loop = this.#begin("loop", this.current, LOOP_COST);
  }

  if(): void {
    this.#push("if");
    this.split();
  }

  else(): void {
    const frame = this.#top();
    if (frame.kind !== "if" || frame.hasElse) this.#reader.malformed("else without if");
    frame.hasElse = true;
    this.#nextArm(frame);
  }

  /** `catch` and `catch_all`. */
  handler(): void {
    const frame = this.#top();
    if (frame.kind !== "try") this.#reader.malformed("catch without try");
    this.#nextArm(frame);
  }

  #nextArm(frame: Frame): void {
    if (this.current !== null) frame.armReachesEnd = true;
    this.current = frame.start === null ? null : this.#begin("conditional", frame.start);
  }

  /** `end` and `delegate`. */
  end(): void {
    const frame = this.#top();
    const position = this.#frames.length - 1;
    this.#frames.pop();
    const outer = this.#frames.at(-1);
    if (outer === undefined) {
      this.endRegion = this.branchesToFunction ? null : this.current;
      return;
    }
    if (frame.outermost < outer.outermost) outer.outermost = frame.outermost;
    if (frame.start === null || !this.#reachesEnd(frame)) this.current = null;
    else this.current = frame.outermost < position ? this.#begin("conditional", frame.start) : frame.start;
  }

  #reachesEnd(frame: Frame): boolean {
    if (this.current !== null) return true;
    if (frame.kind === "loop") return false;
    return frame.targeted || frame.armReachesEnd || (frame.kind === "if" && !frame.hasElse);
  }

  /** A branch to a label that may or may not be taken; the caller splits or stops behind it. */
  branch(label: number): void {
    const position = this.checkLabel(label);
    if (position === 0) this.branchesToFunction = true;
    if (this.current === null) return;
    const top = this.#top();
    if (position < top.outermost) top.outermost = position;
    const target = this.#frames[position];
    if (target === undefined) return;
    target.targeted = true;
    if (target.loop !== null) target.loop.repeated = true;
  }

  /** Position of the frame that a label names. Labels are appended too, so one that does not exist is refused. */
  checkLabel(label: number): number {
    const position = this.#frames.length - 1 - label;
    if (position < 0) this.#reader.malformed(`label ${label} does not exist`);
    return position;
  }

  /** `return` and tail calls leave every block. */
  leave(): void {
    if (this.current !== null) this.#top().outermost = 0;
    this.current = null;
  }

  /** Nothing behind this instruction is executed. */
  stop(): void {
    this.current = null;
  }

  /** What follows is executed on a condition. */
  split(): void {
    if (this.current !== null) this.current = this.#begin("conditional", this.current);
  }

  /**
   * Adds the cost of loops that do not repeat to the region around them. To be called once, at the end.
   * @returns the sum of the costs of all regions, and whether some loop repeats
   */
  settle(): { totalCost: number; repeats: boolean } {
    let totalCost = 0;
    let repeats = false;
    for (const region of this.#regions.toReversed()) {
      if (region.kind === "loop" && region.parent !== null && !region.repeated) {
        region.parent.cost += region.cost;
        region.cost = 0;
      }
      totalCost += region.cost;
      repeats ||= region.repeated;
    }
    return { totalCost, repeats };
  }
}
