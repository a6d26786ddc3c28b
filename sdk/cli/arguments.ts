import { UserError } from "../project/user-error.ts";

/** @throws {UserError} for what is no port; 0 is any that is free */
export function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535 && text.trim() !== "") return port;
  throw new UserError(`"${text}" is no port: a number from 0 to 65535.`);
}

/** @throws {UserError} for what is no JSON object; nothing is an empty one */
export function objectOf(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`The configuration is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>; // an object of JSON
  throw new UserError("The configuration must be a JSON object.");
}
