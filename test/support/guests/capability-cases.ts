import type { Grants } from "../../../sdk/contract/grants.ts";

/** One call of a TypeScript fixture whose answer has to be the same in an isolate and on the SDK's test host. */
export interface CapabilityCase {
  readonly plugin: "shop" | "web";
  readonly functionName: string;
  readonly input?: string;
  readonly grants: Grants;
  /** Output as JSON, or the code of the failure. */
  readonly expected: { readonly output: unknown } | { readonly code: string };
}

const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/** For each capability that needs nobody else: what is granted works, what is not is refused. */
export const CAPABILITY_CASES: readonly CapabilityCase[] = [
  {
    plugin: "shop",
    functionName: "keep",
    input: "content",
    grants: { storage: {} },
    expected: {
      output: {
        written: { stored: true, revision: 1 },
        again: { stored: false, revision: 1 },
        revision: 1,
        text: "content",
        none: true,
      },
    },
  },
  { plugin: "shop", functionName: "keep", grants: {}, expected: { code: "GRANT_MISSING" } },
  {
    plugin: "shop",
    functionName: "keep",
    input: "content",
    grants: { storage: { quotas: { valueBytes: 3 } } },
    expected: { code: "CAPABILITY_QUOTA_EXCEEDED" },
  },
  { plugin: "shop", functionName: "query", grants: { database: {} }, expected: { output: [{ id: "a", total: 1.5 }] } },
  { plugin: "shop", functionName: "attach", grants: { database: {} }, expected: { code: "PLUGIN_ERROR" } },
  {
    plugin: "shop",
    functionName: "remember",
    grants: { cache: {}, files: {} },
    expected: { output: ["v", "tent", "value"] },
  },
  { plugin: "shop", functionName: "remember", grants: { cache: {} }, expected: { code: "GRANT_MISSING" } },
  {
    plugin: "shop",
    functionName: "pieces",
    grants: { files: {} },
    expected: { output: ["one two three", "text/plain", "Error: the source broke", null] },
  },
  { plugin: "shop", functionName: "sign", input: "abc", grants: { crypto: {} }, expected: { output: true } },
  { plugin: "shop", functionName: "count", grants: { analytics: {} }, expected: { output: "counted" } },
  { plugin: "shop", functionName: "publish", grants: { events: {} }, expected: { code: "GRANT_MISSING" } },
  { plugin: "web", functionName: "digest", input: "abc", grants: { crypto: {} }, expected: { output: ABC } },
  {
    plugin: "web",
    functionName: "fetch",
    input: "https://other.example.com/",
    grants: { http: { hosts: ["api.example.com"] } },
    expected: { code: "GRANT_MISSING" },
  },
  {
    plugin: "web",
    functionName: "fetch",
    input: "https://169.254.169.254/",
    grants: { http: {} },
    expected: { code: "EGRESS_REFUSED" },
  },
];

export function jsonOrText(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return output; // text is no JSON
  }
}
