/** Rules of a tenant's own, changes of built-in ones included. */
export const RULES = 50;
/** Silences of a tenant that are not over. */
export const SILENCES = 100;
