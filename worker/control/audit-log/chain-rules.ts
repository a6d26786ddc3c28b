import { sha256Hex } from "../../lib/hex.ts";

/** The chain of hashes over a tenant's audit log: how a row is linked to those before it, and what breaks the chain. Pure. */

/** Stands for the seal before the first. */
export const FIRST_HASH = "0".repeat(64);

/** What can be wrong with a log, in words. Names are public and stable. */
export const CHAIN_FAULTS = {
  "row-changed": "The row, or its seal, is not what was sealed.",
  "row-missing": "The row is gone.",
  "row-moved": "Another row has the number under which this one was sealed.",
  "row-added": "There is a row that the chain does not know.",
  "seal-missing": "The row's seal is gone.",
  "tail-missing": "The log ends before the row that the head in the store names: this row and those after it are gone.",
  rewritten: "Rows and seals up to this one agree with each other, but not with the head in the store.",
  "head-missing": "The head in the store is gone.",
  "head-unreadable": "The head in the store is not one.",
} as const;
export type ChainFaultName = keyof typeof CHAIN_FAULTS;
export const CHAIN_FAULT_NAMES = Object.keys(CHAIN_FAULTS) as ChainFaultName[]; // Object.keys loses the key type

export interface ChainFault {
  /** Number of the first row concerned. */
  readonly sequence: number;
  readonly fault: ChainFaultName;
}

export interface Seal {
  readonly sequence: number;
  readonly rowId: string;
  /** SHA-256 in hexadecimal. */
  readonly hash: string;
}

/** A row's columns as the database holds them, unparsed, so that no change of them is overlooked. */
export interface RawRow {
  readonly tenantId: string;
  readonly sequence: number;
  readonly id: string;
  readonly action: string;
  readonly resource: string;
  readonly resourceId: string;
  readonly subject: string;
  readonly actorTenantId: string;
  readonly roles: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly traceId: string | null;
  readonly at: number;
}

/** SHA-256 of the seal before, a line break, and the row's columns as a JSON array in the order of {@link RawRow}. */
export function linkHash(previous: string, row: RawRow): Promise<string> {
  const { tenantId, sequence, id, action, resource, resourceId, subject, actorTenantId, roles } = row;
  const fields = [tenantId, sequence, id, action, resource, resourceId, subject, actorTenantId, roles];
  return sha256Hex(`${previous}\n${JSON.stringify([...fields, row.before, row.after, row.traceId, row.at])}`);
}

/** Seals for rows in order. Ends before a number that is missing, so that a gap is never sealed over. */
export async function linkRows(last: Pick<Seal, "sequence" | "hash">, rows: readonly RawRow[]): Promise<Seal[]> {
  const seals: Seal[] = [];
  let { sequence, hash } = last;
  for (const row of rows) {
    if (row.sequence !== sequence + 1) break;
    hash = await linkHash(hash, row);
    sequence += 1;
    seals.push({ sequence, rowId: row.id, hash });
  }
  return seals;
}

/** Numbers `after + 1` to `through`, all of which must be sealed, with what the database holds of them. */
export interface ChainPart {
  readonly after: number;
  readonly through: number;
  /** Seal of `after`. */
  readonly hash: string;
  readonly seals: readonly Seal[];
  readonly rows: readonly RawRow[];
}

/** Checks part of a chain. @returns the last number that is as it was sealed, and its seal, or the first fault */
export async function checkPart(part: ChainPart): Promise<ChainFault | Pick<Seal, "sequence" | "hash">> {
  const seals = new Map(part.seals.map((seal) => [seal.sequence, seal]));
  const rows = new Map(part.rows.map((row) => [row.sequence, row]));
  let { hash } = part;
  for (let sequence = part.after + 1; sequence <= part.through; sequence++) {
    const [seal, row] = [seals.get(sequence), rows.get(sequence)];
    if (!row) return { sequence, fault: "row-missing" };
    if (!seal) return { sequence, fault: "seal-missing" };
    if (row.id !== seal.rowId) return { sequence, fault: "row-moved" };
    hash = await linkHash(hash, row);
    if (hash !== seal.hash) return { sequence, fault: "row-changed" };
  }
  // Numbers below 1 or between two whole ones.
  const stray = part.rows.find(({ sequence }) => !Number.isInteger(sequence) || sequence <= part.after);
  return stray ? { sequence: stray.sequence, fault: "row-added" } : { sequence: part.through, hash };
}
