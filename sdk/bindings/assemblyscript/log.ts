import { getLogLevel, logDebug, logError, logInfo, logTrace, logWarn } from "./abi";
import { writeText } from "./memory";

/** Levels as the host numbers them; a message below the host's level is neither encoded nor copied. */
const TRACE = 0;
const DEBUG = 1;
const INFO = 2;
const WARN = 3;
const ERROR = 4;

/** The namespace keeps `log.error` apart from the functions that fail a call. The host frees every message. */
export namespace log {
  export function trace(message: string): void {
    if (getLogLevel() <= TRACE) logTrace(writeText(message));
  }
  export function debug(message: string): void {
    if (getLogLevel() <= DEBUG) logDebug(writeText(message));
  }
  export function info(message: string): void {
    if (getLogLevel() <= INFO) logInfo(writeText(message));
  }
  export function warn(message: string): void {
    if (getLogLevel() <= WARN) logWarn(writeText(message));
  }
  export function error(message: string): void {
    if (getLogLevel() <= ERROR) logError(writeText(message));
  }
}
