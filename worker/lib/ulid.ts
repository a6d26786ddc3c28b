const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_BYTES = 16;

/**
 * A ULID (https://github.com/ulid/spec): 48 bits of time, 80 bits of randomness, sortable as text.
 *
 * @param milliseconds  time since the epoch
 * @param random        at least 16 random bytes, of which 5 bits each are used
 */
export function ulid(milliseconds: number, random: Uint8Array): string {
  let time = "";
  for (let rest = milliseconds, digit = 0; digit < 10; digit++, rest = Math.floor(rest / 32)) {
    time = ALPHABET.charAt(rest % 32) + time;
  }
  return time + Array.from(random.subarray(0, RANDOM_BYTES), (byte) => ALPHABET.charAt(byte & 31)).join("");
}

/** Fresh ids for records; the only place that draws them. */
export type IdSource = () => string;

/** @param randomBytes  gives as many random bytes as asked; the platform's where left out */
export function systemIds(
  now: () => number,
  randomBytes: (length: number) => Uint8Array = (length) => crypto.getRandomValues(new Uint8Array(length)),
): IdSource {
  return () => ulid(now(), randomBytes(RANDOM_BYTES));
}
