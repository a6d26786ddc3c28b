import type { Grants } from "../../../sdk/contract/grants.ts";
import { grantsCarriedOver } from "../grants/consent-rules.ts";
import { entriesOf, isSameGrant, type GrantRecord } from "../grants/rules.ts";

/**
 * Grants of a version that an install goes back to. What its successor had dropped or narrowed is as it was, unless an admin has
 * decided on the capability since: an admin's word stands.
 *
 * @param records  grants in force
 * @param asks     what the version asks for
 * @param kept     grants when the install left the version, and what its successor took over of them
 */
export function restoredGrants(
  records: readonly Pick<GrantRecord, "capability" | "granted">[],
  asks: Grants,
  kept: { readonly grants: Grants; readonly carried: Grants },
): Grants {
  const untouched = entriesOf(kept.grants).filter(([capability]) => {
    const inForce = records.find((record) => record.capability === capability)?.granted;
    const carried = kept.carried[capability];
    return inForce && carried ? isSameGrant(inForce, carried) : inForce === carried;
  });
  return { ...grantsCarriedOver(records, asks), ...Object.fromEntries(untouched) };
}
