import { describe, expect, test } from "vitest";
import type { PlatformError } from "../../../sdk/contract/errors.ts";
import { isClosedAddress } from "../../../worker/execution/capabilities/http/address-rules.ts";
import { destinationOf, requirePublicAddresses } from "../../../worker/execution/capabilities/http/grant.ts";
import { SSRF_CORPUS } from "../../fixtures/egress/ssrf-corpus-table.ts";

const NOBODY = new Set<string>();

function codeOf(url: string, hosts?: readonly string[], privateHosts = NOBODY): string {
  try {
    return destinationOf(url, { grant: hosts ? { hosts } : {}, privateHosts }).scope;
  } catch (error) {
    return (error as PlatformError).code; // nothing else is thrown, or the comparison fails
  }
}

test("the corpus has 150 attempts and more, none twice", () => {
  const all = Object.values(SSRF_CORPUS).flat();
  expect(all.length).toBeGreaterThanOrEqual(150);
  expect(new Set(all).size).toBe(all.length);
});

describe.each(Object.entries(SSRF_CORPUS))("%s", (_kind, urls) => {
  test.each(urls)("%j is refused", (url) => {
    expect(codeOf(url)).toMatch(/^(EGRESS_REFUSED|HOST_REQUEST_INVALID|GRANT_MISSING)$/);
  });
});

describe("a grant", () => {
  test.each<[string, readonly string[] | undefined, string]>([
    ["https://api.example.com/v1", undefined, "api.example.com"],
    ["https://api.example.com./v1", undefined, "api.example.com"],
    ["https://API.example.com/v1", ["api.example.com"], "api.example.com"],
    ["https://bücher.example/", ["xn--bcher-kva.example"], "xn--bcher-kva.example"],
    ["https://api.example.com/v1", ["*.example.com"], "api.example.com"],
    ["https://a.b.example.com/v1", ["*.example.com"], "a.b.example.com"],
    ["https://example.com/v1", ["*.example.com"], "GRANT_MISSING"],
    ["https://badexample.com/v1", ["*.example.com"], "GRANT_MISSING"],
    ["https://example.com.evil.org/v1", ["*.example.com", "example.com"], "GRANT_MISSING"],
    ["https://api.example.com:8443/v1", ["api.example.com"], "GRANT_MISSING"],
    ["https://api.example.com:8443/v1", ["api.example.com:8443"], "api.example.com:8443"],
    ["https://api.example.com/v1", ["api.example.com:8443"], "GRANT_MISSING"],
    ["https://api.example.com/v1", [], "GRANT_MISSING"],
    ["https://93.184.215.14/", ["93.184.215.14"], "93.184.215.14"],
    ["https://93.184.215.14/", ["*.215.14"], "GRANT_MISSING"],
    ["https://[2606:4700:4700::1111]/", ["[2606:4700:4700::1111]"], "[2606:4700:4700::1111]"],
    ["https://127.0.0.1/", ["127.0.0.1"], "EGRESS_REFUSED"],
    ["https://localhost/", ["localhost"], "EGRESS_REFUSED"],
    ["http://api.example.com/v1", ["api.example.com"], "EGRESS_REFUSED"],
  ])("%s under %j: %s", (url, hosts, outcome) => {
    expect(codeOf(url, hosts)).toBe(outcome);
  });

  test.each<[string, readonly string[] | undefined, string]>([
    ["http://127.0.0.1:8787/", ["127.0.0.1:8787"], "127.0.0.1:8787"],
    ["http://127.0.0.1:8787/", undefined, "GRANT_MISSING"],
    ["http://127.0.0.1:8788/", ["127.0.0.1:8788"], "EGRESS_REFUSED"],
    ["http://localhost:8787/", ["localhost:8787"], "EGRESS_REFUSED"],
  ])("with a private host that the operator opened, %s under %j: %s", (url, hosts, outcome) => {
    expect(codeOf(url, hosts, new Set(["127.0.0.1:8787"]))).toBe(outcome);
  });

  test("says which host is missing", () => {
    expect(() => destinationOf("https://b.example.com/", { grant: { hosts: [] }, privateHosts: NOBODY })).toThrow(
      "The plugin's grant for http does not include the host b.example.com.",
    );
  });
});

describe("addresses", () => {
  test.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "2001:4860:4860::8888",
    "[2001:200::1]",
  ])("%s is open", (address) => {
    expect(isClosedAddress(address)).toBe(false);
  });

  test.each(["10.0.0.0", "127.0.0.1", "fe80::1%eth0", "::ffff:8.8.8.8", "2002:808:808::", "300.1.1.1", "nonsense", ""])(
    "%s is closed",
    (address) => {
      expect(isClosedAddress(address)).toBe(true);
    },
  );

  test("one closed address closes the name", () => {
    expect(() => requirePublicAddresses("a.example.com", ["93.184.215.14", "10.0.0.7"])).toThrow(
      "a.example.com resolves to 10.0.0.7",
    );
    expect(() => requirePublicAddresses("a.example.com", ["93.184.215.14"])).not.toThrow();
  });
});
