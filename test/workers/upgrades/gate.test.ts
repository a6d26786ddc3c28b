import { describe, expect, test } from "vitest";
import { applyUpdatePolicies } from "../../../worker/control/upgrades/actions/watch.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { releasedPlugin, systemDeps, type Released } from "./released-plugin.ts";

const INPUTS = ["alpha", "beta", "gamma", "delta"];

describe("a release", () => {
  test("that answers recorded calls alike passes, and takes its first share", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-picky");
    const answer = await plugin.call("POST", "/upgrade", {});
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
    expect(answer.body).toMatchObject({
      fromVersion: "1.0.0",
      version: "1.1.0",
      state: "canary",
      step: 0,
      gate: { outcome: "passed", missingFunctions: [], notRun: 0 },
    });
    const { cases } = (answer.body as { gate: { cases: { verdict: string }[] } }).gate;
    expect(cases.map(({ verdict }) => verdict)).toEqual(["same", "same", "same", "same"]);
    expect(await plugin.installed()).toBe("1.0.0");
    expect((await plugin.snapshot()).installs[plugin.pluginId]?.canary).toMatchObject({
      share: 500,
      candidate: { version: "1.1.0" },
    });
    expect(await plugin.events()).toEqual(["upgrade.started", "upgrade.gated"]);
  });

  test.each([
    ["changes output", "release-wrong", "output"],
    ["traps", "trap", "failure"],
    ["eats fuel", "release-hungry", "fuel"],
  ])("that %s is never promoted, not by request, not by policy", async (_case, guest, what) => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.0.1", guest);
    const problem = expectProblem(await plugin.call("POST", "/upgrade", { steps: [] }), "UPGRADE_REFUSED");
    expect(problem).toMatchObject({ version: "1.0.1", installedVersion: "1.0.0" });
    const { body } = await plugin.call("GET", "/upgrade");
    expect(body).toMatchObject({ state: "refused", gate: { outcome: "refused" } });
    const { cases } = (body as { gate: { cases: { verdict: string; differences: { what: string }[] }[] } }).gate;
    for (const { verdict, differences } of cases) {
      expect([verdict, differences.map((difference) => difference.what)]).toEqual(["different", [what]]);
    }
    for (const input of INPUTS) expect(JSON.stringify(body)).not.toContain(input);

    await plugin.upload("1.0.2", guest);
    await plugin.call("PUT", "/update-policy", { policy: "patch" });
    await applyUpdatePolicies(systemDeps());
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({ version: "1.0.2", state: "refused" });
    expect(await plugin.installed()).toBe("1.0.0");
    expect((await plugin.snapshot()).canaries).toBeUndefined();
    expect((await plugin.call("POST", "/execute", { input: "still" })).body).toMatchObject({ output: "still" });
  });

  test("that lacks a function is refused, however it answers the others", async () => {
    const plugin = await releasedPlugin("loop");
    await plugin.upload("1.1.0", "echo");
    const problem = expectProblem(await plugin.call("POST", "/upgrade", {}), "UPGRADE_REFUSED");
    expect(problem["detail"]).toContain("It lacks the functions fine.");
  });

  test("that is forced goes on, and the log says why", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-wrong");
    const answer = await plugin.call("POST", "/upgrade", { steps: [], force: "the old answer was wrong" });
    expect(answer.body).toMatchObject({
      state: "promoted",
      forced: true,
      reason: "the old answer was wrong",
      gate: { outcome: "refused" },
    });
    expect(await plugin.installed()).toBe("1.1.0");
    const { body } = await plugin.call("GET", "/../audit-logs?limit=1");
    expect(JSON.stringify(body)).toContain("the old answer was wrong");
  });

  test("with nothing recorded to compare proves itself by its canary only", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "release-picky");
    const problem = expectProblem(await plugin.call("POST", "/upgrade", { steps: [] }), "UPGRADE_REFUSED");
    expect(problem["detail"]).toContain("too little recorded");
    const answer = await plugin.call("POST", "/upgrade", {});
    expect(answer.body).toMatchObject({ state: "canary", gate: { outcome: "unproven", cases: [] } });
  });

  test("is compared as JSON but for the places that the installed version names", async () => {
    const manifest = { comparison: { run: { ignore: ["/took"] } } };
    const plugin = await releasedPlugin("echo", manifest);
    await plugin.run('{"a":1,"took":5}');
    await plugin.upload("1.0.1", "release-wrong");
    expectProblem(await plugin.call("POST", "/upgrade", {}), "UPGRADE_REFUSED");
  });
});

/** The last row of the tenant's audit log with an action. */
async function audited(plugin: Released, action: string): Promise<unknown> {
  const { body } = await plugin.call("GET", `/../audit-logs?action=${action}&limit=1`);
  return (body as { items: { after: unknown }[] }).items[0]?.after;
}

describe("an update that names a version", () => {
  test("is held against recorded calls too, and changes nothing where one comes out otherwise", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-wrong");
    const update = { version: "1.1.0", limits: { fuel: 1_000_000 } };
    const problem = expectProblem(await plugin.call("PUT", "", update), "UPGRADE_REFUSED");
    expect(problem).toMatchObject({ version: "1.1.0", installedVersion: "1.0.0" });
    expect((await plugin.call("GET", "/upgrade")).body).toMatchObject({
      state: "refused",
      gate: { outcome: "refused" },
    });
    const { body } = await plugin.call("GET", "");
    expect(body).toMatchObject({ install: { version: "1.0.0", limits: {} } });
    expect(await plugin.events()).toEqual(["upgrade.started", "upgrade.gated"]);
  });

  test("goes on where they come out alike, and where nothing was recorded; the audit log says which", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.0.1", "echo");
    expect((await plugin.call("PUT", "", { version: "1.0.1" })).status).toBe(200);
    expect(await audited(plugin, "install.update")).toMatchObject({ version: "1.0.1", gate: "unproven" });
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-picky");
    expect((await plugin.call("PUT", "", { version: "1.1.0" })).status).toBe(200);
    expect(await plugin.installed()).toBe("1.1.0");
    expect(await audited(plugin, "install.update")).toMatchObject({ version: "1.1.0", gate: "passed" });
  });

  test("skips the gate where an admin says so, and nobody else", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-wrong");
    const update = { version: "1.1.0", gate: "skipped" };
    const token = await mintToken({ tenant: plugin.tenantId, subject: "otto", roles: ["operator"] });
    const denied = await api("put", `/api/plugins/${plugin.pluginId}`, { token, body: update });
    expect(expectProblem(denied, "PERMISSION_DENIED")["permission"]).toBe("plugins:grant");
    expect(await plugin.installed()).toBe("1.0.0");
    expect((await plugin.call("PUT", "", update)).status).toBe(200);
    expect(await plugin.installed()).toBe("1.1.0");
    expect(await audited(plugin, "install.update")).toMatchObject({ gate: "skipped" });
    expectProblem(await plugin.call("PUT", "", { gate: "skipped", limits: {} }), "REQUEST_INVALID");
  });

  test("brings the configuration with which the version is held against them", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    const config = { type: "object", properties: { b: { type: "string" } }, required: ["b"] };
    await plugin.upload("1.1.0", "release-picky", { config });
    expectProblem(await plugin.call("PUT", "", { version: "1.1.0" }), "CONFIG_INCOMPATIBLE");
    const update = { version: "1.1.0", config: { b: "x" } };
    expect(await plugin.call("PUT", "", update)).toMatchObject({ status: 200, body: { version: "1.1.0" } });
  });
});

describe("a consent", () => {
  const MORE = { permissions: ["storage"] };

  test("is held against recorded calls with the grants that the version would have, and waits where one differs", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-wrong", MORE);
    expectProblem(await plugin.call("PUT", "", { version: "1.1.0" }), "CONSENT_REQUIRED");
    const consent = { version: "1.1.0" };
    expectProblem(await plugin.call("POST", "/permissions/consent", consent), "UPGRADE_REFUSED");
    expect(await plugin.installed()).toBe("1.0.0");
    expect((await plugin.call("GET", "/permissions")).body).toMatchObject({ consent, version: "1.0.0" });
    const anyway = await plugin.call("POST", "/permissions/consent", { ...consent, gate: "skipped" });
    expect(anyway).toMatchObject({ status: 200 });
    expect(await plugin.installed()).toBe("1.1.0");
    expect(await audited(plugin, "consent.give")).toMatchObject({ version: "1.1.0", gate: "skipped" });
  });

  test("moves the install where they come out alike", async () => {
    const plugin = await releasedPlugin();
    await plugin.run(...INPUTS);
    await plugin.upload("1.1.0", "release-picky", MORE);
    expectProblem(await plugin.call("PUT", "", { version: "1.1.0" }), "CONSENT_REQUIRED");
    expect((await plugin.call("POST", "/permissions/consent", { version: "1.1.0" })).status).toBe(200);
    expect(await plugin.installed()).toBe("1.1.0");
    expect(await audited(plugin, "consent.give")).toMatchObject({ gate: "passed" });
  });
});

describe("an upgrade", () => {
  test("to a version that asks for more waits for consent", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "echo", { permissions: ["storage"] });
    expectProblem(await plugin.call("POST", "/upgrade", {}), "CONSENT_REQUIRED");
    expect((await plugin.call("GET", "/permissions")).body).toMatchObject({ consent: { version: "1.1.0" } });
    expectProblem(await plugin.call("GET", "/upgrade"), "UPGRADE_NOT_FOUND");
  });

  test("names what is wrong with its request", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "echo");
    const steps = [
      { share: 500, minutes: 1 },
      { share: 400, minutes: 1 },
    ];
    const problem = expectProblem(await plugin.call("POST", "/upgrade", { steps }), "REQUEST_INVALID");
    expect(problem["issues"]).toEqual([{ path: "/steps", message: "must grow in share" }]);
    expectProblem(await plugin.call("POST", "/upgrade", { version: "1.0.0" }), "STATE_CONFLICT");
    expectProblem(await plugin.call("POST", "/upgrade", { version: "9.0.0" }), "VERSION_NOT_FOUND");
  });

  test("keeps configuration and other upgrades waiting while it runs", async () => {
    const plugin = await releasedPlugin();
    await plugin.upload("1.1.0", "echo");
    await plugin.upload("1.2.0", "echo");
    expect((await plugin.call("POST", "/upgrade", { version: "1.1.0" })).status).toBe(200);
    expectProblem(await plugin.call("POST", "/upgrade", { version: "1.2.0" }), "STATE_CONFLICT");
    expectProblem(await plugin.call("PUT", "", { version: "1.2.0" }), "STATE_CONFLICT");
    expectProblem(await plugin.call("PUT", "", { config: { a: 1 } }), "STATE_CONFLICT");
    expect((await plugin.call("PUT", "", { limits: { fuel: 1_000_000 } })).status).toBe(200);
    expect((await plugin.snapshot()).installs[plugin.pluginId]?.canary?.candidate.limits.fuel).toBe(1_000_000);
    expect((await plugin.call("POST", "/upgrade/abort", { reason: "enough" })).body).toMatchObject({
      state: "aborted",
    });
    expect((await plugin.call("PUT", "", { config: { a: 1 } })).status).toBe(200);
  });
});
