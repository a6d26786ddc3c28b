import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import { captureReason, RECORDING_BYTES, timeOfUlid, type CaptureBook } from "./recording/capture-rules.ts";
import { decodeRecording, encodeRecording } from "./recording/codec.ts";
import { open, seal, type Owner } from "./recording/envelope.ts";
import { keyOf, parseKeyRing } from "./recording/key-ring.ts";
import { recordCall, type CapturedCall, type Recording } from "./recording/recording.ts";
import { SANDBOX_DIGEST } from "./sandbox-program.generated.ts";

const PREFIX = "recordings/";
/** Sorts after every ULID, so that listing goes on with the next tenant. */
const AFTER_ULIDS = "~";
/** Most objects that R2 lists or deletes at once. */
const PAGE = 1_000;
const POSITION_KEY = "jobs/recording-retention";

export function recordingKey({ tenantId, executionId }: Owner): string {
  return `${PREFIX}${tenantId}/${executionId}`;
}

export interface RecordingBindings {
  readonly bucket: R2Bucket;
  /** The secret RECORDING_KEYS. */
  readonly keyRing: string;
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface StoredRecording {
  readonly keyId: string;
  /** Bytes of the sealed object. */
  readonly size: number;
}

/** Recordings in R2, each sealed; the id of the ring key is in the object's metadata. */
export class RecordingStore {
  readonly #bindings: RecordingBindings;

  constructor(bindings: RecordingBindings) {
    this.#bindings = bindings;
  }

  /**
   * @returns false where the recording is larger than RECORDING_BYTES, which is then not stored
   * @throws {PlatformError} NOT_READY where the key ring is not valid
   */
  async put(recording: Recording): Promise<boolean> {
    const { bucket, keyRing, randomBytes } = this.#bindings;
    const content = encodeRecording(recording);
    if (content.byteLength > RECORDING_BYTES) return false;
    const ring = parseKeyRing(keyRing);
    const owner = { tenantId: recording.tenantId, executionId: recording.call.executionId };
    const sealed = await seal(content, keyOf(ring, ring.current), owner, randomBytes);
    await bucket.put(recordingKey(owner), sealed, { customMetadata: { key: ring.current } });
    return true;
  }

  async find(owner: Owner): Promise<StoredRecording | undefined> {
    const object = await this.#bindings.bucket.head(recordingKey(owner));
    return object ? { keyId: keyIdOf(object), size: object.size } : undefined;
  }

  /**
   * @returns undefined where there is none
   * @throws {PlatformError} RECORDING_KEY_UNKNOWN, RECORDING_UNREADABLE; NOT_READY where the key ring is not valid
   */
  async read(owner: Owner): Promise<Recording | undefined> {
    const object = await this.#bindings.bucket.get(recordingKey(owner));
    if (!object) return undefined;
    const key = keyOf(parseKeyRing(this.#bindings.keyRing), keyIdOf(object));
    return decodeRecording(await open(new Uint8Array(await object.arrayBuffer()), key, owner));
  }

  /**
   * Deletes recordings of executions that began before a time, and remembers where it stopped, so that every tenant
   * gets its turn.
   *
   * @param time   milliseconds since the epoch
   * @param pages  most listings in one run
   * @returns how many were deleted
   */
  async deleteBefore(time: number, pages: number): Promise<number> {
    const { bucket } = this.#bindings;
    const remembered = await bucket.get(POSITION_KEY);
    let position = remembered ? await remembered.text() : "";
    let deleted = 0;
    for (let page = 0; page < pages; page++) {
      const listed = await bucket.list({
        prefix: PREFIX,
        limit: PAGE,
        ...(position === "" ? {} : { startAfter: position }),
      });
      const keys = listed.objects.map(({ key }) => key);
      const expired = keys.filter((key) => timeOfKey(key) < time);
      if (expired.length > 0) await bucket.delete(expired);
      deleted += expired.length;
      position = listed.truncated ? nextPosition(keys.at(-1) ?? "", time) : "";
      if (position === "") break;
    }
    if (position !== "") await bucket.put(POSITION_KEY, position);
    else if (remembered) await bucket.delete(POSITION_KEY);
    return deleted;
  }
}

/** Ids sort by time: once one of a tenant is young enough, all that follow are. */
function nextPosition(lastKey: string, time: number): string {
  return timeOfKey(lastKey) < time ? lastKey : lastKey.slice(0, lastKey.lastIndexOf("/") + 1) + AFTER_ULIDS;
}

function timeOfKey(key: string): number {
  return timeOfUlid(key.slice(key.lastIndexOf("/") + 1));
}

function keyIdOf(object: R2Object): string {
  const id = object.customMetadata?.["key"];
  if (id !== undefined) return id;
  throw new PlatformError("RECORDING_UNREADABLE", "The recording does not say which key sealed it.");
}

export interface RecorderDeps {
  readonly store: RecordingStore;
  readonly book: CaptureBook;
  readonly clock: Clock;
  /** Resolves once the answer is on its way. */
  readonly afterAnswer: () => Promise<void>;
  readonly defer: (work: Promise<unknown>) => void;
}

/** Keeps finished calls that the rules choose. */
export class Recorder {
  readonly #deps: RecorderDeps;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
  }

  /**
   * Never throws and never delays the answer: nothing but the choice happens before it.
   *
   * @returns why the call is recorded, or undefined
   */
  capture(captured: CapturedCall): Recording["capturedFor"] | undefined {
    const { call, install, outcome } = captured;
    // What the other calls of the request used is no part of a recording, so a replay would end otherwise.
    if (outcome.failure?.code === "BUDGET_SPENT") return undefined;
    // Nothing ran.
    if (outcome.failure?.code === "BREAKER_OPEN") return undefined;
    const finished = {
      executionId: call.executionId,
      installId: install.installId,
      failed: outcome.failure !== undefined,
      inputBytes: call.input.byteLength,
      instanceCall: outcome.instanceCall ?? 1,
    };
    const reason = captureReason(finished, this.#deps.book, this.#deps.clock.now());
    if (reason) this.#deps.defer(this.#store(captured, reason));
    return reason;
  }

  async #store(captured: CapturedCall, reason: Recording["capturedFor"]): Promise<void> {
    const { executionId } = captured.call;
    try {
      await this.#deps.afterAnswer();
      const stored = await this.#deps.store.put(await recordCall(captured, reason, SANDBOX_DIGEST));
      if (!stored) logError("recording.too-large", { executionId, limit: RECORDING_BYTES });
    } catch (error) {
      logError("recording.not-stored", { executionId, error: errorText(error) });
    }
  }
}
