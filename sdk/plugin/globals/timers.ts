/** A call ends with its function's promise, and nothing runs between calls: there is nobody to call back. */
function refuse(name: string): () => never {
  return () => {
    throw new TypeError(
      `${name} is not available in a plugin: nothing runs after a call. Do the work in the call, or publish a message.`,
    );
  };
}

export const TIMERS = {
  setTimeout: refuse("setTimeout"),
  setInterval: refuse("setInterval"),
  setImmediate: refuse("setImmediate"),
  clearTimeout(): void {},
  clearInterval(): void {},
  clearImmediate(): void {},
};
