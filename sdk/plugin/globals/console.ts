import { host } from "../host.ts";

const DEBUG = 0;
const INFO = 1;
const WARN = 2;
const ERROR = 3;

/** Lines of the execution's log. */
export const console = {
  debug: line(DEBUG),
  trace: line(DEBUG),
  log: line(INFO),
  info: line(INFO),
  dir: line(INFO),
  warn: line(WARN),
  error: line(ERROR),
  assert(condition: unknown, ...values: readonly unknown[]): void {
    if (!condition) host.log(ERROR, format(["Assertion failed", ...values]));
  },
};

function line(level: 0 | 1 | 2 | 3): (...values: readonly unknown[]) => void {
  return (...values) => {
    host.log(level, format(values));
  };
}

/** Text as it is, errors with their stack, everything else as JSON where it has some. */
export function format(values: readonly unknown[]): string {
  return values.map(show).join(" ");
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error)
    return value.stack === undefined || value.stack === "" ? String(value) : `${String(value)}\n${value.stack}`;
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const above: unknown[] = [];
  return JSON.stringify(value, function (this: unknown, _, item: unknown) {
    // `this` holds the item: what is not above it any more has been left.
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (typeof item === "bigint") return `${item}n`;
    if (item instanceof Map) return [...item];
    if (item instanceof Set) return [...item];
    if (typeof item !== "object" || item === null) return item;
    if (above.includes(item)) return "[circular]";
    above.push(item);
    return item;
  });
}
