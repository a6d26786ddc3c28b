import { defineConfig } from "drizzle-kit";

/** `npm run db:generate` writes the SQL between the last snapshot in migrations/meta and the schema. */
export default defineConfig({
  dialect: "sqlite",
  schema: "worker/db/schema.ts",
  out: "migrations",
});
