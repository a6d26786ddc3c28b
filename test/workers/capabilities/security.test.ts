import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { pluginEvents } from "../../../worker/db/schema.ts";
import { ask, type AskOptions } from "../../support/guests/platform-guest.ts";
import { db, seedInstall } from "../control/fixtures.ts";

const GRANTS = { security: {} };
const FINDING = { severity: "warning", title: "Odd attachment", detail: "invoice.pdf.exe" };

async function mine(): Promise<AskOptions & { readonly tenantId: string }> {
  const { tenantId } = await seedInstall();
  return { tenantId, context: { tenantId, pluginId: "acme.echo" } };
}

describe("security_raise", () => {
  test("writes an event that names the execution", async () => {
    const caller = await mine();
    const { value } = await ask("security_raise", FINDING, GRANTS, "", caller);
    const events = await db.select().from(pluginEvents).where(eq(pluginEvents.tenantId, caller.tenantId));
    expect(events.at(-1)).toMatchObject({
      id: value?.["id"],
      type: "security.finding",
      pluginId: "acme.echo",
      data: { ...FINDING, executionId: "01TEST", version: "1.0.0" },
    });
  });

  test("has quotas by call and by hour", async () => {
    const caller = await mine();
    const raise = (quotas: Record<string, number>) =>
      ask("security_raise", FINDING, { security: { quotas } }, "", caller);
    expect((await raise({ findings: 0 })).error?.message).toContain("security.findings");
    expect((await raise({ hourly: 2 })).value).toBeDefined();
    expect((await raise({ hourly: 2 })).value).toBeDefined();
    expect((await raise({ hourly: 2 })).error).toMatchObject({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining("security.hourly") as string,
    });
  });

  test.each([
    [{ severity: "fatal" }, "severity"],
    [{ title: "" }, "title"],
    [{ detail: "x".repeat(1_001) }, "detail"],
  ])("refuses %j", async (change, field) => {
    const { error } = await ask("security_raise", { ...FINDING, ...change }, GRANTS, "", await mine());
    expect(error).toMatchObject({ code: "HOST_REQUEST_INVALID", message: expect.stringContaining(field) as string });
  });
});

describe("security_events", () => {
  test("gives security events of the plugin alone, in pages", async () => {
    const caller = await mine();
    for (const title of ["one", "two", "three"]) {
      await ask("security_raise", { ...FINDING, title }, GRANTS, "", caller);
    }
    const other = { ...caller, context: { ...caller.context, pluginId: "acme.other" } };
    await ask("security_raise", { ...FINDING, title: "theirs" }, GRANTS, "", other);
    const read = async (request: object) => (await ask("security_events", request, GRANTS, "", caller)).value ?? {};
    const first = await read({ limit: 2 });
    expect(first).toMatchObject({ more: true, events: [{ data: { title: "three" } }, { data: { title: "two" } }] });
    const { sequence } = (first["events"] as { sequence: number }[])[1] ?? { sequence: 0 };
    expect(await read({ before: sequence })).toMatchObject({ more: false, events: [{ data: { title: "one" } }] });
  });

  test("tells who changed the install, and not what", async () => {
    const caller = await mine();
    const { value } = await ask("security_events", { log: "audit" }, GRANTS, "", caller);
    const events = value?.["events"] as object[];
    expect(events[0]).toMatchObject({ type: "install.create", subject: "olga" });
    expect(Object.keys(events[0] ?? {}).sort()).toEqual(["at", "sequence", "subject", "type"]);
  });

  test("needs a grant", async () => {
    expect((await ask("security_events", {}, {}, "", await mine())).error?.code).toBe("GRANT_MISSING");
  });
});
