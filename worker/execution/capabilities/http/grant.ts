import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Grant } from "../../../../sdk/contract/grants.ts";
import { isClosedAddress, isIpv4, isIpv6 } from "./address-rules.ts";

/** Where a grant lets a plugin send requests. */

/** Names that mean this machine or a private network wherever they are asked (RFC 6761, RFC 6762, RFC 8375 and custom). */
const CLOSED_SUFFIXES = [
  "localhost",
  "local",
  "localdomain",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "home.arpa",
  "in-addr.arpa",
  "ip6.arpa",
  "onion",
  "invalid",
  "test",
] as const;

/** Public zones whose names resolve to whatever address they spell, or to loopback. */
const REBINDING_ZONES = [
  "nip.io",
  "sslip.io",
  "xip.io",
  "localtest.me",
  "lvh.me",
  "vcap.me",
  "lacolhost.com",
  "fbi.com",
  "yoogle.com",
  "rbndr.us",
  "1u.ms",
  "traefik.me",
  "local.gd",
  "readme.localtest.me",
  "fuf.me",
  "bogus.jp",
] as const;

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "https:": "443", "http:": "80" };
/** Two labels and more, as the URL standard leaves them. */
const PUBLIC_NAME = /^([a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}$/;
const URL_LENGTH = 8_192;

export interface EgressPolicy {
  /** Whose grant it is; absent: `http`. */
  readonly capability?: "http" | "webhooks";
  readonly grant: Grant;
  /** `host:port` the operator of the platform opened although they are private or without TLS; a grant must name them too. */
  readonly privateHosts: ReadonlySet<string>;
}

/** A URL that a request may go to. */
export interface Destination {
  readonly url: URL;
  /** `host` or `host:port`, for usage reports. */
  readonly scope: string;
  /** True where the name is the operator's own and is not looked up. */
  readonly isPrivate: boolean;
}

/**
 * Decides whether a request may be sent to a URL. To be asked for every hop of a redirect.
 *
 * @param text  absolute URL, in any notation that the URL standard understands
 * @throws {PlatformError} HOST_REQUEST_INVALID for what is no URL; EGRESS_REFUSED for a destination nobody may reach;
 *   GRANT_MISSING for a host that the grant does not name
 */
export function destinationOf(text: string, policy: EgressPolicy): Destination {
  const url = parseUrl(text);
  const host = url.hostname.replace(/\.$/, "");
  const port = url.port === "" ? (DEFAULT_PORTS[url.protocol] ?? "") : url.port;
  const scope = url.port === "" ? host : `${host}:${url.port}`;
  const isPrivate = policy.privateHosts.has(`${host}:${port}`);
  if (!isPrivate) requirePublic(url, host);
  if (!isGranted(host, port, url.protocol, policy.grant, isPrivate)) {
    throw new PlatformError(
      "GRANT_MISSING",
      `The plugin's grant for ${policy.capability ?? "http"} does not include the host ${scope}.`,
    );
  }
  return { url, scope, isPrivate };
}

/**
 * Where a URL that a tenant's own people name may lead: https, a public host. Hosts that the platform's operator opened for plugins
 * stay closed.
 *
 * @throws {PlatformError} EGRESS_REFUSED; HOST_REQUEST_INVALID
 */
export function namedDestination(url: string): Destination {
  const named = URL.canParse(url) ? new URL(url) : undefined;
  const hosts = named ? [named.host.replace(/\.(?=$|:)/, "")] : [];
  return destinationOf(url, { grant: { hosts }, privateHosts: new Set() });
}

function parseUrl(text: string): URL {
  if (text.length > URL_LENGTH || !URL.canParse(text)) {
    throw new PlatformError("HOST_REQUEST_INVALID", `url: must be an absolute URL of at most ${URL_LENGTH} characters`);
  }
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw refused(`the scheme ${url.protocol.slice(0, 32)} is not https`);
  }
  if (url.username !== "" || url.password !== "") throw refused("a URL must not carry a user name or password");
  return url;
}

function requirePublic(url: URL, host: string): void {
  if (url.protocol !== "https:") throw refused("only https is allowed");
  if (isIpv4(host) || isIpv6(host)) {
    if (isClosedAddress(host)) throw refused(`${host} is not a public address`);
    return;
  }
  if (!PUBLIC_NAME.test(host)) throw refused(`${host || "an empty name"} is not a public host name`);
  const closed = [...CLOSED_SUFFIXES, ...REBINDING_ZONES].find((zone) => host === zone || host.endsWith(`.${zone}`));
  if (closed !== undefined) throw refused(`names under ${closed} are not public`);
}

/** Without a list every public host name is granted. Addresses and private hosts must be named. */
function isGranted(host: string, port: string, protocol: string, { hosts }: Grant, isPrivate: boolean): boolean {
  const isName = !isIpv4(host) && !isIpv6(host);
  if (hosts === undefined) return isName && !isPrivate && port === DEFAULT_PORTS[protocol];
  return hosts.some((pattern) => {
    const { name, port: granted = DEFAULT_PORTS[protocol] } = splitPattern(pattern);
    return granted === port && (name.startsWith("*.") ? isName && host.endsWith(name.slice(1)) : host === name);
  });
}

function splitPattern(pattern: string): { readonly name: string; readonly port?: string } {
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(pattern);
  return { name: found?.[1] ?? pattern, ...(found?.[2] === undefined ? {} : { port: found[2] }) };
}

/**
 * Checks what a name resolved to.
 *
 * @throws {PlatformError} EGRESS_REFUSED where any of the addresses is not public
 */
export function requirePublicAddresses(host: string, addresses: readonly string[]): void {
  const closed = addresses.find(isClosedAddress);
  if (closed !== undefined) throw refused(`${host} resolves to ${closed}, which is not a public address`);
}

function refused(reason: string): PlatformError {
  return new PlatformError("EGRESS_REFUSED", `The request was not sent: ${reason}.`);
}
