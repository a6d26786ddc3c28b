import { LIMITS, type Limits } from "./limits.ts";

/** What a tenant may use, by plan. Limits of a call are ceilings: manifest and install may ask for less. */
export interface PlanSpec {
  readonly title: string;
  readonly installs: number;
  readonly versions: number;
  readonly ceilings: Limits;
}

const maximum = Object.fromEntries(Object.entries(LIMITS).map(([name, spec]) => [name, spec.maximum])) as Limits; // Object.fromEntries loses the key type

export const PLANS = {
  free: { title: "Free", installs: 20, versions: 100, ceilings: { ...maximum, fuel: 10e9, hostCalls: 1_000 } },
  pro: { title: "Pro", installs: 1_000, versions: 10_000, ceilings: maximum },
} as const satisfies Record<string, PlanSpec>;

export type Plan = keyof typeof PLANS;
