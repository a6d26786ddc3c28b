import { errorSet } from "./abi";
import { writeText } from "./memory";

/** Sets the call's error message. The block is the host's from then on. An export that returns 0 has still failed. */
export function setError(message: string): void {
  errorSet(writeText(message));
}

/** Ends an export with a message the caller can act on: `return fail("text is empty")`. @returns 1 */
export function fail(message: string): i32 {
  setError(message);
  return 1;
}

/**
 * The abort handler (`--use abort=…/error/onAbort`): a thrown Error reaches the host as `message at file:line:column`,
 * after which the module traps. A message the plugin set before is replaced.
 */
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  let text: string = message !== null ? message : "the plugin aborted";
  if (file !== null) text += " at " + file + ":" + line.toString() + ":" + column.toString();
  setError(text);
  unreachable();
}
