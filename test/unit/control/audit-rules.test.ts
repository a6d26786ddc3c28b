import { describe, expect, test } from "vitest";
import { AUDIT_VALUE_BYTES, auditedText, auditRow } from "../../../worker/control/audit-log/rules.ts";

describe("what the audit log keeps of a value", () => {
  test.each<[string, unknown, string | null]>([
    ["nothing", undefined, null],
    ["null", null, null],
    ["as it is", { state: "active", limits: { fuel: 10 } }, '{"state":"active","limits":{"fuel":10}}'],
    ["no secret, at any depth", { a: [{ clientSecret: "s3" }] }, '{"a":[{"clientSecret":"[removed]"}]}'],
    [
      "no password",
      { Password: "p", db: { passphrase: "q" } },
      '{"Password":"[removed]","db":{"passphrase":"[removed]"}}',
    ],
    [
      "no token",
      { access_token: "t", apiKey: "k", "api-key": "k" },
      '{"access_token":"[removed]","apiKey":"[removed]","api-key":"[removed]"}',
    ],
    ["no object of secrets", { credentials: { user: "u" } }, '{"credentials":"[removed]"}'],
    ["quotas that are only called so", { quotas: { tokens: 5 } }, '{"quotas":{"tokens":5}}'],
    ["names of the language", JSON.parse('{"__proto__":{"x":1}}'), '{"__proto__":{"x":1}}'],
  ])("%s", (_case, value, expected) => {
    expect(auditedText(value)).toBe(expected);
  });

  test("a value up to the bound, and of a larger one how large it was", () => {
    const fits = "x".repeat(AUDIT_VALUE_BYTES - 2); // quotes
    expect(auditedText(fits)).toBe(`"${fits}"`);
    expect(auditedText(`${fits}x`)).toBe(`{"truncated":true,"bytes":${AUDIT_VALUE_BYTES + 1}}`);
    expect(auditedText("é".repeat(AUDIT_VALUE_BYTES / 2))).toContain('"truncated":true');
  });

  test("a nesting without end is cut", () => {
    let value: unknown = "deep";
    for (let level = 0; level < 100; level++) value = { value };
    expect(auditedText(value)).toContain("[deeper]");
  });
});

test("a row says who, in which request, and what kind of thing", () => {
  const actor = { tenantId: "acme", subject: "ada", roles: ["admin"], traceId: "t1" } as const;
  expect(auditRow(actor, { action: "key.create", resourceId: "k1", after: { name: "ci" } }, "id1", 7)).toEqual({
    id: "id1",
    tenantId: "acme",
    action: "key.create",
    resource: "key",
    resourceId: "k1",
    subject: "ada",
    actorTenantId: "acme",
    roles: ["admin"],
    before: null,
    after: '{"name":"ci"}',
    traceId: "t1",
    at: 7,
  });
  const elsewhere = auditRow(actor, { action: "tenant.update", resourceId: "globex", tenantId: "globex" }, "id2", 7);
  expect(elsewhere).toMatchObject({ tenantId: "globex", actorTenantId: "acme" });
});
