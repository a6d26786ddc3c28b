import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { version } from "../../../package.json";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { walkApi } from "../../support/workers/api-walk.ts";
import { HeldWorker } from "../../support/workers/held-worker.ts";
import { RecordedDatabase } from "../../support/workers/recorded-database.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { readRows } from "../../support/workers/schema-versions.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { condensed, writeRelease } from "./release-record.ts";

/**
 * `npm run release:record` writes down what this version's worker sends to the database: every operation of the API, calls and their
 * records, every job. Tests of later versions send it again (earlier-releases.test.ts).
 */
test("the statements of this release", { timeout: 300_000 }, async () => {
  vi.spyOn(console, "error").mockReturnValue();
  const resources = await seedResources("recorded");
  const running = await seedResources("running");
  await installGuests(running.tenantId, [{ guest: "echo" }, { guest: "fail" }]);
  const rows = Object.fromEntries([...(await readRows())].filter(([, of]) => of.length > 0));

  const recorded = new RecordedDatabase(env.DB);
  const worker = new HeldWorker({ DB: recorded.binding });
  await worker.app.run((deps) => compileSnapshot(deps, PLATFORM_TENANT));
  const token = await mintToken({ tenant: running.tenantId, roles: ["caller"] });
  for (const pluginId of ["echo", "fail", "echo"]) {
    await worker.app.request("POST", `/api/plugins/${pluginId}/execute`, { token, body: { input: "recorded" } });
  }
  await worker.deliver();
  const answered = await walkApi(worker.app, resources);
  for (let round = 0; round < 3; round++) {
    await worker.deliver();
    expect(await worker.runJobs()).toEqual([]);
    await worker.finishRuns();
  }
  const migration = env.TEST_MIGRATIONS.at(-1)?.name ?? "";
  const record = { release: version, migration, rows, ...condensed(recorded.sent) };
  const text = writeRelease(record);
  console.log(answered.length, record.statements.length, record.transactions.length, text.length);
  await expect(text).toMatchFileSnapshot(`../../fixtures/releases/${version}.json`);
});
