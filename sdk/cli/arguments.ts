import { UserError } from "../project/user-error.ts";

/** @throws {UserError} for what is no port; 0 is any that is free */
export function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535 && text.trim() !== "") return port;
  throw new UserError(`"${text}" is no port: a number from 0 to 65535.`);
}
