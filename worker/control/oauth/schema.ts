import * as v from "valibot";
import { PluginParams } from "../installs/schema.ts";
import type { InstallSecret } from "../install-secrets/secret-record.ts";

const providerName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "must be a name of lower-case letters, digits and -"),
);
export const ProviderParams = v.object({ ...PluginParams.entries, provider: providerName });

const visible = (longest: number) =>
  v.pipe(
    v.string(),
    v.regex(new RegExp(`^[\\x20-\\x7e]{1,${longest}}$`), `must be 1 to ${longest} printable ASCII characters`),
  );
/** RFC 6749 §3.3 */
const scope = v.pipe(v.string(), v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, "must be a scope"));

const shown = {
  tokenUrl: v.pipe(v.string(), v.maxLength(2_048), v.description("The token endpoint: https, a public host")),
  clientId: visible(512),
  scopes: v.optional(
    v.pipe(
      v.array(scope),
      v.maxLength(50, "must have at most 50"),
      v.transform((list) => [...new Set(list)].sort()),
      v.description("All that a plugin may ask for"),
    ),
    [],
  ),
  grant: v.picklist(["client_credentials", "refresh_token"], "must be client_credentials or refresh_token"),
  authentication: v.pipe(
    v.optional(v.picklist(["basic", "post"], "must be basic or post"), "basic"),
    v.description("How the client proves who it is: HTTP Basic or in the body (RFC 6749 §2.3.1)"),
  ),
};

export const OAuthClientBody = v.pipe(
  v.strictObject({
    ...shown,
    clientSecret: v.pipe(visible(4_096), v.description("Never shown again")),
    refreshToken: v.optional(v.pipe(visible(4_096), v.description("For refresh_token; never shown again"))),
  }),
  v.forward(
    v.check(
      ({ grant, refreshToken }) => (grant === "refresh_token") === (refreshToken !== undefined),
      "must be given for refresh_token and for nothing else",
    ),
    ["refreshToken"],
  ),
);
export type OAuthClientInput = v.InferOutput<typeof OAuthClientBody>;

/** What of a client is stored without a seal. */
export const OAuthClientDetail = v.object({
  tokenUrl: v.string(),
  clientId: v.string(),
  scopes: v.array(v.string()),
  grant: shown.grant,
  authentication: v.picklist(["basic", "post"]),
});

/** What of it is sealed. */
export const OAuthClientSecrets = v.object({ clientSecret: v.string(), refreshToken: v.nullable(v.string()) });

export const OAuthClientAnswer = v.object({
  provider: v.string(),
  ...OAuthClientDetail.entries,
  updatedBy: v.string(),
  updatedAt: v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch")),
});
export const OAuthClientsAnswer = v.object({ items: v.array(OAuthClientAnswer) });

export function describeClient(row: InstallSecret): v.InferInput<typeof OAuthClientAnswer> {
  const { name: provider, updatedBy, updatedAt } = row;
  return { provider, ...v.parse(OAuthClientDetail, row.detail), updatedBy, updatedAt };
}
