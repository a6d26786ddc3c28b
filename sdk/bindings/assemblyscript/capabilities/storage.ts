import { JSON } from "json-as";
import { Answer, answered, answeredWithBody, contentBlock, requestBlock } from "../capability-call";
import { encodeText } from "../memory";
import { storageDelete, storageGet, storageList, storageSet } from "../user-functions";

/** Whether there is a value; its bytes are the answer's `body`. */
@json
export class StoredValue {
  found: bool = false;
  /** Grows with every write of the key. */
  revision: i64 = 0;
  /** Milliseconds since the epoch, null for a value that stays. */
  expiresAt: JSON.Box<i64> | null = null;
}

@json
export class Written {
  stored: bool = false;
  /** What is there now; with `stored` false another's. */
  revision: i64 = 0;
}

@json
export class StoredEntry {
  key: string = "";
  revision: i64 = 0;
  bytes: i64 = 0;
  expiresAt: JSON.Box<i64> | null = null;
}

@json
export class StoredPage {
  keys: StoredEntry[] = [];
  more: bool = false;
}

@json
class Key {
  key: string = "";
}

@json
class Write {
  key: string = "";
  @omitif((self: Write) => self.ttlMs < 0)
  ttlMs: i64 = -1;
  @omitif((self: Write) => self.ifRevision < 0)
  ifRevision: i64 = -1;
}

@json
class Removal {
  key: string = "";
  @omitif((self: Removal) => self.ifRevision < 0)
  ifRevision: i64 = -1;
}

@json
export class Removed {
  /** False where there was none, or it had another revision. */
  deleted: bool = false;
}

@json
export class Listing {
  prefix: string = "";
  /** The last key of the page before. */
  after: string = "";
  /** At most 1,000. */
  limit: i32 = 100;
}

/** What the install keeps: encrypted, seen by no other install. */
export namespace storage {
  export function get(key: string): Answer<StoredValue> {
    const request = new Key();
    request.key = key;
    return answeredWithBody<StoredValue>(storageGet(requestBlock<Key>(request), 0));
  }

  /** The value as text, null where there is none. Throws where it is refused. */
  export function getText(key: string): string | null {
    const answer = get(key);
    return answer.value.found ? answer.text : null;
  }

  /**
   * @param ttlMs  milliseconds until it is gone; -1 where it stays
   * @param ifRevision  writes only over this one, 0 for a key that must not be there yet; -1 over any
   */
  export function set(key: string, value: ArrayBuffer, ttlMs: i64 = -1, ifRevision: i64 = -1): Answer<Written> {
    const request = new Write();
    request.key = key;
    request.ttlMs = ttlMs;
    request.ifRevision = ifRevision;
    return answered<Written>(storageSet(requestBlock<Write>(request), contentBlock(value)));
  }

  /** As `set`, of text as UTF-8. */
  export function setText(key: string, value: string, ttlMs: i64 = -1, ifRevision: i64 = -1): Answer<Written> {
    return set(key, encodeText(value), ttlMs, ifRevision);
  }

  /** @param ifRevision  -1 for any */
  export function remove(key: string, ifRevision: i64 = -1): Answer<Removed> {
    const request = new Removal();
    request.key = key;
    request.ifRevision = ifRevision;
    return answered<Removed>(storageDelete(requestBlock<Removal>(request), 0));
  }

  export function list(listing: Listing = new Listing()): Answer<StoredPage> {
    return answered<StoredPage>(storageList(requestBlock<Listing>(listing), 0));
  }
}
