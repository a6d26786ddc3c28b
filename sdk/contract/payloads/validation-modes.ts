/** What of a call is held against the manifest's description, by option of the install. */
export const VALIDATION_MODES = ["off", "input", "output", "both"] as const;
export type ValidationMode = (typeof VALIDATION_MODES)[number];
