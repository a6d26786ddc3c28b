/** Installs of one tenant whose health is due to be checked, as they travel through the queue. */
export interface DueChecks {
  readonly tenantId: string;
  readonly pluginIds: readonly string[];
}
