import { JSON } from "json-as";
import { Answer, answered, answeredWithBody, contentBlock, requestBlock } from "../capability-call";
import { encodeText } from "../memory";
import { cacheDelete, cacheGet, cacheSet } from "../user-functions";
import { Removed } from "./storage";

/** Whether there is a value; its bytes are the answer's `body`. */
@json
export class CachedValue {
  found: bool = false;
  /** Milliseconds since the epoch. */
  expiresAt: i64 = 0;
}

@json
export class Cached {
  stored: bool = false;
}

@json
class CacheKey {
  key: string = "";
}

@json
class CacheWrite {
  key: string = "";
  @omitif((self: CacheWrite) => self.ttlMs < 0)
  ttlMs: i64 = -1;
}

/** What may be gone at any time. */
export namespace cache {
  export function get(key: string): Answer<CachedValue> {
    return answeredWithBody<CachedValue>(cacheGet(requestBlock<CacheKey>(keyOf(key)), 0));
  }

  /** The value as text, null where there is none. Throws where it is refused. */
  export function getText(key: string): string | null {
    const answer = get(key);
    return answer.value.found ? answer.text : null;
  }

  /** @param ttlMs  milliseconds, at most a day; -1 for five minutes */
  export function set(key: string, value: ArrayBuffer, ttlMs: i64 = -1): Answer<Cached> {
    const request = new CacheWrite();
    request.key = key;
    request.ttlMs = ttlMs;
    return answered<Cached>(cacheSet(requestBlock<CacheWrite>(request), contentBlock(value)));
  }

  /** As `set`, of text as UTF-8. */
  export function setText(key: string, value: string, ttlMs: i64 = -1): Answer<Cached> {
    return set(key, encodeText(value), ttlMs);
  }

  export function remove(key: string): Answer<Removed> {
    return answered<Removed>(cacheDelete(requestBlock<CacheKey>(keyOf(key)), 0));
  }
}

function keyOf(key: string): CacheKey {
  const request = new CacheKey();
  request.key = key;
  return request;
}
