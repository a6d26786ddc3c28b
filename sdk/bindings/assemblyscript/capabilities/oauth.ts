import { JSON } from "json-as";
import { Answer, answered, requestBlock } from "../capability-call";
import { oauthToken } from "../user-functions";

@json
export class AccessToken {
  accessToken: string = "";
  tokenType: string = "";
  /** Milliseconds since the epoch. */
  expiresAt: i64 = 0;
  scopes: string[] = [];
}

@json
class TokenRequest {
  provider: string = "";
  @omitnull()
  scopes: string[] | null = null;
}

export namespace oauth {
  /**
   * @param provider  name of a client that the tenant registered
   * @param scopes  null for all that it has
   */
  export function token(provider: string, scopes: string[] | null = null): Answer<AccessToken> {
    const request = new TokenRequest();
    request.provider = provider;
    request.scopes = scopes;
    return answered<AccessToken>(oauthToken(requestBlock<TokenRequest>(request), 0));
  }
}
