/** Environments that a configuration can differ in. What `default` says holds everywhere unless another says otherwise. */
export const ENVIRONMENTS = ["default", "development", "staging", "production"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** Environments that a deployment can be. */
export const DEPLOYMENT_ENVIRONMENTS = [
  "development",
  "staging",
  "production",
] as const satisfies readonly Environment[];
export type DeploymentEnvironment = (typeof DEPLOYMENT_ENVIRONMENTS)[number];

/**
 * @param variable  the worker's variable ENVIRONMENT; absent or empty means production
 * @returns undefined where it names no environment
 */
export function deploymentEnvironment(variable: string | undefined): DeploymentEnvironment | undefined {
  if (variable === undefined || variable === "") return "production";
  return DEPLOYMENT_ENVIRONMENTS.find((environment) => environment === variable);
}
