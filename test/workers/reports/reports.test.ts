import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { sealAuditLog } from "../../../worker/control/audit-log/actions.ts";
import { recordAudit } from "../../../worker/control/audit-log/store.ts";
import { auditRow } from "../../../worker/control/audit-log/rules.ts";
import { makeReport } from "../../../worker/control/reports/actions.ts";
import { REPORT_KINDS, REPORTS, type Report, type ReportSpec } from "../../../worker/control/reports/report-record.ts";
import { reportPage } from "../../../worker/control/reports/page-rules.ts";
import { SECTION_ROWS } from "../../../worker/control/reports/store.ts";
import { commit } from "../../../worker/db/client.ts";
import { apiKeys, capabilityUsage, pluginConsents, pluginPermissions } from "../../../worker/db/schema.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, seedInstall, seedTenant } from "../control/fixtures.ts";
import { Bench } from "../alerts/bench.ts";

const DAY = 86_400_000;
const section = (report: Report, id: string) => report.sections.find((found) => found.id === id)?.rows ?? [];

let token: string;
beforeAll(async () => {
  await seedResources("reported");
  await seedResources("unreported");
  token = await mintToken({ tenant: "reported", roles: ["operator"] });
});

describe.each(REPORT_KINDS)("the %s report", (kind) => {
  const spec: ReportSpec = REPORTS[kind];

  test("has every section and column of the table, as JSON and as a page", async () => {
    const { body, status, headers } = await api("get", `/api/plugins/reports/${kind}`, { token });
    expect([status, headers.get("content-type")]).toEqual([200, expect.stringContaining("application/json")]);
    const report = body as Report;
    expect(report.sections.map(({ id }) => id)).toEqual(Object.keys(spec.sections));
    for (const { id, columns, rows } of report.sections) {
      const names = Object.keys(spec.sections[id]?.columns ?? {});
      expect(columns.map(({ key }) => key)).toEqual(names);
      for (const row of rows) expect(Object.keys(row)).toEqual(names);
    }
    const page = await api("get", `/api/plugins/reports/${kind}`, {
      token,
      headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" },
    });
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const text = String(page.body);
    for (const { title } of Object.values(spec.sections)) expect(text).toContain(`>${title}</h2>`);
    expect(text).not.toMatch(/<script|https?:\/\/|url\(|@import/);
    expect(await api("get", `/api/plugins/reports/${kind}?format=html`, { token })).toMatchObject({ status: 200 });
  });

  test("tells nothing of another tenant", async () => {
    const page = await api("get", `/api/plugins/reports/${kind}?format=html`, { token });
    expect(page.body).toContain("reported");
    expect(page.body).not.toContain("unreported");
  });
});

test("a page's policy lets in its own style and nothing else", async () => {
  const { headers, body } = await api("get", "/api/plugins/reports/audit?format=html", { token });
  const style = /<style>(?<style>[^<]*)<\/style>/.exec(String(body))?.groups?.["style"] ?? "none";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const text = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const policy = headers.get("content-security-policy");
  expect(policy).toContain(`default-src 'none'; style-src 'sha256-${text}'`);
  expect(policy).not.toContain("unsafe");
  expect(style).toContain("@media print");
});

test.each([
  ["from=2000&to=1000", "from"],
  ["from=0", "from"],
  ["from=yesterday", "from"],
  ["format=pdf", "format"],
])("is refused for %s", async (query, path) => {
  const answer = await api("get", `/api/plugins/reports/audit?${query}`, { token });
  expect(expectProblem(answer, "REQUEST_INVALID")["issues"]).toMatchObject([{ path }]);
});

describe("what a report says", () => {
  test("of the audit log: who did what how often, and whether a row is missing", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const row = (subject: string, action: "key.create" | "member.set", ago: number) =>
      auditRow(
        { ...actor, subject },
        { action, resourceId: `${subject}-${ago}`, after: {} },
        at.deps.newId(),
        at.now - ago,
      );
    const rows = [
      row("ada", "key.create", 40 * DAY), // before the report
      row("ada", "key.create", 3 * DAY),
      row("ada", "key.create", 2 * DAY),
      row("bob", "member.set", DAY),
    ];
    await commit(db, recordAudit(db, rows));
    const report = await makeReport(at.deps, actor, "audit", {});
    expect(section(report, "actions")).toMatchObject([
      { action: "key.create", count: 2, subjects: 1, firstAt: at.now - 3 * DAY, lastAt: at.now - 2 * DAY },
      { action: "member.set", count: 1 },
    ]);
    expect(section(report, "subjects")).toMatchObject([
      { subject: "ada", count: 2, actions: 1, resources: 2 },
      { subject: "bob", count: 1 },
    ]);
    expect(section(report, "matrix")).toHaveLength(2);
    expect(section(report, "integrity")).toEqual([{ first: 2, last: 4, rows: 3, missing: 0, chain: "not sealed yet" }]);
    const chain = async () => section(await makeReport(at.deps, actor, "audit", {}), "integrity")[0]?.["chain"];
    await sealAuditLog({ ...at.deps, env }, actor.tenantId);
    expect(await chain()).toBe("intact");
    await commit(db, recordAudit(db, [row("ada", "key.create", 1)]));
    expect(await chain()).toBe("intact up to 4, later rows are not sealed yet");
    await env.DB.exec("DROP TRIGGER audit_log_append_only");
    await env.DB.prepare("UPDATE audit_log SET subject = 'eve' WHERE tenant_id = ? AND sequence = 3")
      .bind(actor.tenantId)
      .run();
    expect(await chain()).toBe("broken at 3: row-changed");
  });

  test("of compliance: grants and their use, consents, ages of secrets without their values", async () => {
    const actor = await seedInstall();
    const at = new Bench();
    const { tenantId } = actor;
    const place = { tenantId, installId: "install-1", pluginId: "acme.echo" };
    const grant = { ...place, version: "1.0.0", asked: {}, granted: {}, grantedBy: "ada", grantedAt: at.now - DAY };
    await db.insert(pluginPermissions).values([
      { ...grant, id: at.deps.newId(), capability: "storage" },
      { ...grant, id: at.deps.newId(), capability: "http" },
      { ...grant, id: at.deps.newId(), capability: "crypto", endedAt: at.now, endedBy: "ada", ending: "revoked" },
    ]);
    const used = { ...place, scope: "", executions: 2, calls: 5, refused: 1, bytes: 10, peakCalls: 3, peakBytes: 9 };
    const today = Math.floor(at.now / DAY);
    await db.insert(capabilityUsage).values([
      { ...used, capability: "storage", day: today, lastUsedAt: at.now },
      { ...used, capability: "storage", day: today - 1, lastUsedAt: at.now - DAY },
      { ...used, capability: "http", day: today - 60, lastUsedAt: at.now - 60 * DAY },
    ]);
    const consent = { ...place, fromVersion: "1.0.0", version: "2.0.0", additions: [], requestedBy: "dana" };
    await db.insert(pluginConsents).values({ ...consent, id: at.deps.newId(), requestedAt: at.now });
    await db.insert(apiKeys).values({
      id: at.deps.newId(),
      tenantId,
      name: "ci",
      secretHash: "f".repeat(64),
      roles: ["caller"],
      createdAt: at.now - 400 * DAY,
    });
    await at.record(tenantId, "plugin.quarantined", { installId: "i", version: "1.0.0", reason: "leaks" });
    const report = await makeReport(at.deps, actor, "compliance", { to: at.now + 1 });
    expect(section(report, "grants").filter(({ grantedBy }) => grantedBy === "ada")).toMatchObject([
      { capability: "storage", executions: 4, calls: 10, refused: 2, lastUsedAt: at.now, verdict: "used" },
      { capability: "http", executions: 0, calls: 0, lastUsedAt: null, verdict: "unused" },
    ]);
    expect(section(report, "consents")).toMatchObject([{ version: "2.0.0", decision: "waiting", decidedBy: null }]);
    expect(section(report, "secrets")).toMatchObject([{ kind: "api-key", name: "ci", ageDays: 400 }]);
    expect(section(report, "quarantines")).toMatchObject([{ pluginId: "acme.echo", reason: "leaks", subject: "olga" }]);
    expect(section(report, "retention")).toContainEqual({ data: "execution records", days: 30 });
    expect(JSON.stringify(report)).not.toContain("f".repeat(64));
  });

  test("of capacity: loads by plugin and day, and where a line through them leads", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    at.now = Math.floor(at.now / DAY) * DAY + 1_000; // the first second of a day
    const end = at.now;
    for (let day = 10; day >= 1; day--) {
      at.now = end - day * DAY + DAY / 2;
      await at.execute(
        actor.tenantId,
        "acme.echo",
        Array.from({ length: 11 - day }, (_, n) => n + 1),
        1,
      );
    }
    at.now = end;
    const report = await makeReport(at.deps, actor, "capacity", { from: end - 1_000 - 10 * DAY });
    expect(section(report, "plugins")).toMatchObject([
      {
        pluginId: "acme.echo",
        executions: 55,
        failed: 10,
        fuel: 550,
        p50: 4,
        p95: 9,
        p99: 10,
        hostCalls: 110,
        trend: 1,
      },
    ]);
    // 11 + 12 + … + 40
    expect(section(report, "plugins")[0]?.["projected"]).toBe(765);
    const days = section(report, "days");
    expect(days).toHaveLength(10);
    expect(days.at(-1)).toMatchObject({
      executions: 10,
      p50: 5,
      p95: 10,
      day: new Date(end - DAY).toISOString().slice(0, 10),
    });
    expect(section(report, "limits")).toContainEqual({ limit: "installs", used: 0, allowed: 1_000, share: 0 });
  });

  test("ends after its most rows, and says so", async () => {
    const actor = await seedTenant();
    const at = new Bench();
    const rows = Array.from({ length: SECTION_ROWS + 1 }, (_, n) =>
      auditRow({ ...actor, subject: `s${n}` }, { action: "key.create", resourceId: "k" }, at.deps.newId(), at.now - 1),
    );
    await commit(db, recordAudit(db, rows));
    const report = await makeReport(at.deps, actor, "audit", {});
    const subjects = report.sections.find(({ id }) => id === "subjects");
    expect([subjects?.rows.length, subjects?.truncated]).toEqual([SECTION_ROWS, true]);
    expect(reportPage(report)).toContain(`There are more than these ${SECTION_ROWS} rows.`);
  });
});

test("hostile names stay text", async () => {
  const actor = await seedTenant();
  const at = new Bench();
  const name = `"><script>alert('x')</script><img src=x onerror=y>&amp;`;
  await at.execute(actor.tenantId, name, [1]);
  await env.DB.prepare("INSERT INTO members VALUES (?, ?, '[]', 0)").bind(actor.tenantId, name).run();
  await commit(
    db,
    recordAudit(db, [
      auditRow({ ...actor, subject: name }, { action: "key.create", resourceId: name }, at.deps.newId(), at.now - 1),
    ]),
  );
  for (const kind of ["capacity", "audit"] as const) {
    const page = reportPage(await makeReport(at.deps, actor, kind, {}));
    expect(page).not.toMatch(/<script|<img/);
    expect(page).toContain(
      "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&lt;img src=x onerror=y&gt;&amp;amp;",
    );
  }
});
