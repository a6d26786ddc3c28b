import { availableParallelism } from "node:os";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { freshKeyRing } from "./scripts/local-state.ts";
import { answerOutbound } from "./test/support/workers/upstream.ts";
import { testIssuerBindings } from "./test/support/workers/test-issuers.ts";

/** `npm run release:record` runs one file more, which writes rather than tests. */
const recordsRelease = process.env["RECORD_RELEASE"] !== undefined;

/** `unit` runs pure code in Node; `workers` runs the real worker and its bindings inside workerd. */
export default defineConfig({
  test: {
    // vitest leaves one processor free, which is half of a machine with two.
    maxWorkers: availableParallelism(),
    projects: [
      {
        test: {
          name: "unit",
          globalSetup: ["./test/support/guests/build-guests.ts"],
          include: ["test/unit/**/*.test.ts", "test/fuzz/**/*.test.ts", "test/architecture.test.ts"],
          environment: "node",
          testTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              outboundService: answerOutbound,
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("migrations"),
                ...(await testIssuerBindings()),
                RECORDING_KEYS: freshKeyRing(),
                CONFIG_KEYS: freshKeyRing(),
                DATA_KEYS: freshKeyRing(),
                BACKUP_KEYS: freshKeyRing(),
                EMAIL_FROM: "Patchbay <alerts@example.com>",
                EMAIL_ENDPOINT: "https://mail.example.com/emails",
                EMAIL_TOKEN: "mail-token",
              },
              email: { send_email: [{ name: "EMAIL" }] },
            },
          })),
        ],
        test: {
          name: "workers",
          globalSetup: ["./test/support/guests/build-guests.ts"],
          include: [
            "test/workers/**/*.test.ts",
            ...(recordsRelease ? ["test/workers/migrations/record-release.ts"] : []),
          ],
          setupFiles: ["./test/support/workers/apply-migrations.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
