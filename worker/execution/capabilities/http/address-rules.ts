/**
 * Which addresses no plugin may reach: everything that is not globally reachable unicast, after the IANA special-purpose address
 * registries (RFC 6890 and its updates). Pure; takes addresses as the URL standard writes them.
 */

/** Prefixes of IPv4, as first address and prefix length. */
const CLOSED_IPV4: readonly (readonly [address: string, bits: number])[] = [
  ["0.0.0.0", 8], // this network, RFC 791
  ["10.0.0.0", 8], // private, RFC 1918
  ["100.64.0.0", 10], // carrier-grade NAT, RFC 6598
  ["127.0.0.0", 8], // loopback, RFC 1122
  ["169.254.0.0", 16], // link-local and cloud metadata, RFC 3927
  ["172.16.0.0", 12], // private, RFC 1918
  ["192.0.0.0", 24], // IETF protocol assignments, RFC 6890
  ["192.0.2.0", 24], // documentation, RFC 5737
  ["192.31.196.0", 24], // AS112, RFC 7535
  ["192.52.193.0", 24], // AMT, RFC 7450
  ["192.88.99.0", 24], // 6to4 relays, RFC 7526
  ["192.168.0.0", 16], // private, RFC 1918
  ["192.175.48.0", 24], // AS112, RFC 7534
  ["198.18.0.0", 15], // benchmarks, RFC 2544
  ["198.51.100.0", 24], // documentation, RFC 5737
  ["203.0.113.0", 24], // documentation, RFC 5737
  ["224.0.0.0", 4], // multicast, RFC 5771
  ["240.0.0.0", 4], // reserved and broadcast, RFC 1112
];

/** Of IPv6 only global unicast is open, and of that these are not. First groups, and prefix length in bits. */
const CLOSED_IPV6: readonly (readonly [groups: readonly number[], bits: number])[] = [
  [[0x2001, 0x0000], 23], // IETF protocol assignments with Teredo and ORCHID, RFC 2928
  [[0x2001, 0x0db8], 32], // documentation, RFC 3849
  [[0x2002], 16], // 6to4, RFC 3056: holds an IPv4 address
  [[0x2620, 0x004f, 0x8000], 48], // AS112, RFC 7534
  [[0x3fff, 0x0000], 20], // documentation, RFC 9637
  [[0x3ffe], 16], // the former 6bone, RFC 3701
];

/** @returns true for an IPv4 address in dotted decimal */
export function isIpv4(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}

/** @returns true for an IPv6 address, with or without brackets */
export function isIpv6(host: string): boolean {
  return host.includes(":");
}

/**
 * @param address  IPv4 in dotted decimal, or IPv6 with or without brackets, in any notation that RFC 4291 allows
 * @returns true where it is loopback, private, link-local, shared, multicast, reserved, or wraps an IPv4 address; also where it
 *   cannot be read
 */
export function isClosedAddress(address: string): boolean {
  if (isIpv4(address)) return isClosedIpv4(address);
  const groups = parseIpv6(address.replace(/^\[|\]$/g, ""));
  if (!groups) return true;
  // 2000::/3 is all the global unicast space there is (RFC 4291 §2.5.4); the rest is special, IPv4-mapped and NAT64 included.
  if (((groups[0] ?? 0) & 0xe000) !== 0x2000) return true;
  return CLOSED_IPV6.some(([prefix, bits]) => hasPrefix(groups, prefix, bits));
}

function isClosedIpv4(address: string): boolean {
  const value = ipv4Value(address);
  if (value === undefined) return true;
  return CLOSED_IPV4.some(([first, bits]) => (value ^ (ipv4Value(first) ?? 0)) >>> (32 - bits) === 0);
}

function ipv4Value(address: string): number | undefined {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((value, part) => value * 256 + part, 0) >>> 0;
}

/** Eight groups of 16 bits, undefined for anything that is no IPv6 address. */
function parseIpv6(text: string): readonly number[] | undefined {
  const unzoned = text.split("%")[0] ?? "";
  const dotted = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(unzoned);
  const embedded = dotted?.[2] === undefined ? undefined : ipv4Value(dotted[2]);
  if (dotted && embedded === undefined) return undefined;
  const plain =
    embedded === undefined
      ? unzoned
      : `${dotted?.[1]}${(embedded >>> 16).toString(16)}:${(embedded & 0xffff).toString(16)}`;
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

function hasPrefix(groups: readonly number[], prefix: readonly number[], bits: number): boolean {
  for (let group = 0, left = bits; left > 0; group++, left -= 16) {
    const shift = Math.max(0, 16 - left);
    if ((groups[group] ?? 0) >>> shift !== (prefix[group] ?? 0) >>> shift) return false;
  }
  return true;
}
