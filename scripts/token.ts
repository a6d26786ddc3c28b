import path from "node:path";
import { parseArgs } from "node:util";
import { TENANT_ID_PATTERN } from "../sdk/contract/identifiers.ts";
import { isRole, ROLE_NAMES } from "../sdk/contract/roles.ts";
import { mintToken, signingKey, stateFolder } from "./local-state.ts";

/** `npm run -s token -- --tenant demo --role admin`: prints a bearer token for the local worker, alone, on stdout. */
const { values } = parseArgs({
  options: {
    tenant: { type: "string", default: "demo" },
    role: { type: "string", multiple: true, default: ["admin"] },
  },
});

const unknown = values.role.filter((role) => !isRole(role));
if (unknown.length > 0) {
  process.stderr.write(`--role must be one of ${ROLE_NAMES.join(", ")}; found ${unknown.join(", ")}\n`);
  process.exit(2);
}
if (!TENANT_ID_PATTERN.test(values.tenant)) {
  process.stderr.write(`--tenant must match ${TENANT_ID_PATTERN.source}; found ${values.tenant}\n`);
  process.exit(2);
}
const key = await signingKey(stateFolder(path.resolve(import.meta.dirname, "..")));
process.stdout.write(`${await mintToken(key, { tenant: values.tenant, roles: values.role })}\n`);
