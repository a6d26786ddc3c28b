/** What the bench asks of the worker, and what it answers. */
export interface KernelRequest {
  readonly kernel: string;
  readonly size: number;
  readonly rounds: number;
}

export interface KernelTimes {
  readonly plain: number[];
  readonly same: number[];
  readonly metered: number[];
  /** Units that one call of the metered kernel takes. */
  readonly fuel: string;
  /** Calls in each time. */
  readonly calls: number;
}
