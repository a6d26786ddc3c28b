import { namedDestination } from "../../../worker/execution/capabilities/http/grant.ts";
import { describe, expect, test } from "vitest";
import { SIGNATURE_TOLERANCE, signWebhook, verifyWebhook } from "../../../sdk/contract/webhook-signature.ts";
import {
  openWebhookSecret,
  sealWebhookSecret,
  wantsEvent,
  WEBHOOK_ATTEMPTS,
  webhookBackoff,
} from "../../../worker/control/webhooks/rules.ts";

const SECRET = "whsec_0123456789abcdef0123456789abcdef";
const NOW = 1_767_225_600;
const BODY = '{"type":"plugin.failed","text":"ü"}';

describe("a signature", () => {
  test("is the one that others compute", async () => {
    // printf '1767225600.{"type":"plugin.failed","text":"ü"}' | openssl dgst -sha256 -hmac whsec_0123456789abcdef0123456789abcdef
    expect(await signWebhook(SECRET, NOW, BODY)).toBe(
      "t=1767225600,v1=cfce503ee312360229b1a42de8c925a5cf22afbc3accfd159dc157abeb1add89",
    );
  });

  test("holds for a few minutes", async () => {
    const header = await signWebhook(SECRET, NOW, BODY);
    expect(await verifyWebhook(SECRET, header, BODY, NOW + SIGNATURE_TOLERANCE)).toBe(true);
    expect(await verifyWebhook(SECRET, header, BODY, NOW + SIGNATURE_TOLERANCE + 1)).toBe(false);
    expect(await verifyWebhook(SECRET, header, BODY, NOW - SIGNATURE_TOLERANCE - 1)).toBe(false);
  });

  test("does not hold for anything else", async () => {
    const header = await signWebhook(SECRET, NOW, BODY);
    expect(await verifyWebhook(SECRET, header, `${BODY} `, NOW)).toBe(false);
    expect(await verifyWebhook(`${SECRET}x`, header, BODY, NOW)).toBe(false);
    expect(await verifyWebhook(SECRET, header.replace(String(NOW), String(NOW + 1)), BODY, NOW)).toBe(false);
    for (const broken of ["", "t=1", header.slice(0, -1), header.replace("v1", "v0"), `${header},v1=00`]) {
      expect(await verifyWebhook(SECRET, broken, BODY, NOW)).toBe(false);
    }
  });
});

test.each([
  [1, 0, 10],
  [2, 0, 30],
  [7, 0, 7_290],
  [1, 1, 8],
  [4, 0.5, 236],
])("after attempt %i, with random %d: %i s", (attempt, random, seconds) => {
  expect(webhookBackoff(attempt, random)).toBe(seconds);
});

test("all attempts together take three hours", () => {
  const pauses = Array.from({ length: WEBHOOK_ATTEMPTS - 1 }, (_, index) => webhookBackoff(index + 1, 0));
  expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBe(10_930);
});

test("a webhook gets the types it names, all where it names none, and never that it failed itself", () => {
  expect(wantsEvent({ types: [] }, "plugin.failed")).toBe(true);
  expect(wantsEvent({ types: ["plugin.failed"] }, "plugin.failed")).toBe(true);
  expect(wantsEvent({ types: ["plugin.failed"] }, "plugin.installed")).toBe(false);
  expect(wantsEvent({ types: [] }, "webhook.failed")).toBe(false);
  expect(wantsEvent({ types: ["webhook.failed"] }, "webhook.failed")).toBe(false);
});

describe("where a webhook may send", () => {
  test.each([
    "https://hooks.example.com/a?b=c",
    "https://hooks.example.com:8443/",
    "https://hooks.example.com./",
    "https://93.184.215.14/",
  ])("%s", (url) => {
    expect(namedDestination(url).isPrivate).toBe(false);
  });

  test.each([
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "https://localhost/",
    "https://intranet/",
    "https://db.internal/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://10.1.2.3/",
    "https://192.168.0.1:8443/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[fd00::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://user:password@hooks.example.com/",
    "hooks.example.com",
    "",
  ])("not %s", (url) => {
    expect(() => namedDestination(url)).toThrow(
      /not https|only https|not a public|not public|must not carry|must be an absolute URL/,
    );
  });
});

test("a secret opens only as its own webhook's", async () => {
  const ring = JSON.stringify({ current: "k1", keys: { k1: btoa("k".repeat(32)) } });
  const owner = { id: "one", tenantId: "acme" };
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  const sealed = await sealWebhookSecret(ring, owner, SECRET, random);
  expect(sealed.key).toBe("k1");
  expect(atob(sealed.sealed)).not.toContain("whsec");
  expect(await openWebhookSecret(ring, owner, sealed)).toBe(SECRET);
  await expect(openWebhookSecret(ring, { ...owner, id: "two" }, sealed)).rejects.toMatchObject({
    code: "CONFIG_UNREADABLE",
  });
  await expect(openWebhookSecret(ring, { ...owner, tenantId: "globex" }, sealed)).rejects.toMatchObject({
    code: "CONFIG_UNREADABLE",
  });
  const other = JSON.stringify({ current: "k2", keys: { k2: btoa("z".repeat(32)) } });
  await expect(openWebhookSecret(other, owner, sealed)).rejects.toMatchObject({ code: "CONFIG_KEY_UNKNOWN" });
});
