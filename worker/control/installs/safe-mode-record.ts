/** That an install runs in safe mode: without capabilities and with half its limits. */
export interface SafeMode {
  readonly reason: string;
  /** Who decided it. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}
