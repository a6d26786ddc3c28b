let origin: number | undefined;

/** The time since it was first asked for: a plugin has no clock but that of its calls. Milliseconds. */
export const performance = {
  now(): number {
    const now = Date.now();
    origin ??= now;
    return now - origin;
  },
};
