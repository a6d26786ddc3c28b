import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { hostCall } from "../capability.ts";
import { tokenOf } from "./client.ts";
import { scopesFor } from "./rules.ts";

const TokenRequest = v.strictObject({
  provider: v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"), v.maxLength(64)),
  scopes: v.optional(v.pipe(v.array(v.string()), v.maxLength(50, "must have at most 50"))),
});

/** `oauth_token`: an access token of a client that the tenant registered, never its secret nor a refresh token. */
export const oauthToken = hostCall("oauth", TokenRequest, async (context, { provider, scopes: asked }) => {
  context.quotas.take("oauth", "tokens");
  const client = await context.services.oauth.find(context.call, provider);
  if (!client) throw new PlatformError("HOST_REQUEST_INVALID", `provider: there is no OAuth client "${provider}"`);
  return { value: { ...(await tokenOf(context, provider, client, scopesFor(client, asked))) } };
});
