import { capabilityFunction } from "../capability-call.ts";

export interface AccessToken {
  readonly accessToken: string;
  readonly tokenType: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
}

const token = capabilityFunction<{ provider: string; scopes?: readonly string[] }, AccessToken>("oauth_token");

export const oauth = {
  /**
   * @param provider  name of a client that the tenant registered
   * @throws {CapabilityError}
   */
  async token(provider: string, scopes?: readonly string[]): Promise<AccessToken> {
    return token({ provider, ...(scopes ? { scopes } : {}) }).value;
  },
};
