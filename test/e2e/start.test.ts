import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { environment, RunningPatchbay, temporaryFolder } from "../support/node/running-patchbay.ts";
import { ROOT } from "../support/node/source-files.ts";

/** What a new user sees: start, token, run, stop, start again. */
describe("npm start", () => {
  let state: Awaited<ReturnType<typeof temporaryFolder>>;
  let patchbay: RunningPatchbay;

  beforeAll(async () => {
    state = await temporaryFolder();
    patchbay = await RunningPatchbay.start(state.path);
  }, 180_000);

  afterAll(async () => {
    await patchbay.stop();
    await state.remove();
  });

  function token(tenant: string, role: string): string {
    return execFileSync(process.execPath, ["scripts/token.ts", "--tenant", tenant, "--role", role], {
      cwd: ROOT,
      env: environment(patchbay.settings),
      encoding: "utf8",
    });
  }

  async function call(route: string, tenant = "demo", body?: unknown): Promise<Response> {
    const headers = { authorization: `Bearer ${token(tenant, "admin").trim()}`, "content-type": "application/json" };
    return fetch(
      `${patchbay.url}${route}`,
      body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) },
    );
  }

  test("shows progress, one call with its answer, and the URL", () => {
    expect(patchbay.output).toMatch(/applying \d+ migration/);
    expect(patchbay.output).toContain(`POST ${patchbay.url}/api/plugins/sentiment/execute`);
    expect(patchbay.output).toMatch(/\n200\n\{"executionId":"[0-9A-Z]{26}","status":"succeeded","output":\{"score":/);
    expect(patchbay.output).toContain(`Patchbay is ready at ${patchbay.url}`);
  });

  test("is ready when it says so", async () => {
    expect((await fetch(`${patchbay.url}/readyz`)).status).toBe(200);
  });

  test("the token command prints a token and nothing else, for both tenants", async () => {
    for (const tenant of ["demo", "acme"]) {
      expect(token(tenant, "viewer")).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
      expect((await call("/api/plugins", tenant)).status).toBe(200);
    }
  });

  test("a start that is killed leaves no worker on its port", async () => {
    await patchbay.stop("SIGKILL");
    const refused = () =>
      fetch(`${patchbay.url}/healthz`).then(
        () => false,
        () => true,
      );
    await expect.poll(refused, { timeout: 15_000 }).toBe(true);
    patchbay = await RunningPatchbay.start(state.path);
  }, 120_000);

  test("a second start is quick to say ready and keeps the data", async () => {
    const ran = await call("/api/plugins/sentiment/execute", "demo", { input: { text: "fine" } });
    const { executionId } = (await ran.json()) as { executionId: string };
    await expect
      .poll(async () => (await call(`/api/plugins/executions/${executionId}`)).status, { timeout: 15_000 })
      .toBe(200);
    await patchbay.stop();
    patchbay = await RunningPatchbay.start(state.path);
    expect(patchbay.output).not.toMatch(/applying|uploaded|installed|made tenant/);
    expect((await call(`/api/plugins/executions/${executionId}`)).status).toBe(200);
  }, 120_000);
});
