import { declarationsOf } from "../migrations/declarations.ts";
import { statementsOf, type MigrationFile } from "../migrations/statements.ts";

/**
 * Whether a contract may be applied: the release that stopped using what goes must have been deployed, so its own migrations cannot
 * be pending too.
 *
 * @param pending  migrations about to be applied, in order
 * @param lastMigrationOf  last migration of a recorded release; undefined where it is not recorded
 * @returns what is against it, in words
 */
export function earlyContracts(
  pending: readonly MigrationFile[],
  lastMigrationOf: (release: string) => string | undefined,
): readonly string[] {
  return pending.flatMap(({ name, sql }) => {
    const declared = statementsOf(sql).flatMap(({ comments }) => declarationsOf(comments));
    return declared.flatMap((declaration) => {
      if (!("kind" in declaration) || declaration.kind !== "contract") return [];
      const last = lastMigrationOf(declaration.release);
      if (last === undefined) return [`${name}: release ${declaration.release} is not among test/fixtures/releases`];
      const isPending = pending.some((other) => other.name <= last);
      return isPending ? [`${name}: deploy release ${declaration.release} first; its migrations are pending too`] : [];
    });
  });
}
