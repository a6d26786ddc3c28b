import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { decodeRecording } from "../../../worker/execution/recording/codec.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import worker from "../../../worker/index.ts";
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { expectProblem, requestOf } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests } from "../execution/guest-installs.ts";
import { callGuest, settledApi } from "./recorded-calls.ts";

let snapshot: Snapshot;
let owner: string;

beforeAll(async () => {
  snapshot = await installGuests("acme", [{ guest: "config", config: { greeting: "hi" } }]);
  await installGuests("globex", []);
  owner = await mintToken({ tenant: "acme", roles: ["admin"] });
});

async function recorded(): Promise<string> {
  const { record } = await callGuest(snapshot, { pluginId: "config", input: "greeting" });
  return record.id;
}

async function bytesAt(route: string): Promise<{ readonly answer: Response; readonly bytes: Uint8Array }> {
  const context = createExecutionContext();
  const request = requestOf("GET", route, { token: owner }) as Parameters<typeof worker.fetch>[0]; // the runtime adds `cf`
  const answer = await worker.fetch(request, env, context);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  await waitOnExecutionContext(context);
  return { answer, bytes };
}

test("a recording is downloaded with all that decides how the call ends, and the audit log tells who did", async () => {
  const executionId = await recorded();
  const { answer, bytes } = await bytesAt(`/api/plugins/executions/${executionId}/recording`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/vnd.patchbay.recording");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const recording = decodeRecording(bytes);
  expect(recording).toMatchObject({
    tenantId: "acme",
    install: { pluginId: "config" },
    call: { executionId, config: { greeting: "hi" } },
    exchanges: [],
    outcome: { output: { bytes: new TextEncoder().encode("hi") } },
  });
  const log = await settledApi("GET", "/api/plugins/audit-logs?action=recording.download", { token: owner });
  expect(log.body).toMatchObject({
    items: [{ action: "recording.download", resourceId: "config", after: { executionId, version: "1.0.0" } }],
  });
});

test("the module that ran is downloaded by its digest, and nothing else is", async () => {
  const executionId = await recorded();
  const route = `/api/plugins/executions/${executionId}/recording`;
  const { install } = decodeRecording((await bytesAt(route)).bytes);
  const stored = await env.STORE.get(moduleKey(install.rewrittenDigest));
  const part = await bytesAt(`${route}/parts/${install.rewrittenDigest}`);
  expect(part.bytes).toEqual(new Uint8Array((await stored?.arrayBuffer()) ?? new ArrayBuffer(0)));
  const other = await settledApi("GET", `${route}/parts/${"a".repeat(64)}`, { token: owner });
  expectProblem(other, "RECORDING_NOT_FOUND", `The recorded call "${executionId}" did not run ${"a".repeat(64)}.`);
});

test("a recording is its own tenant's, and its admins'", async () => {
  const route = `/api/plugins/executions/${await recorded()}/recording`;
  const intruder = await mintToken({ tenant: "globex", roles: ["admin"] });
  expectProblem(await settledApi("GET", route, { token: intruder }), "EXECUTION_NOT_FOUND");
  for (const role of ["caller", "viewer", "developer", "operator"]) {
    const token = await mintToken({ tenant: "acme", roles: [role] });
    expectProblem(await settledApi("GET", route, { token }), "PERMISSION_DENIED");
  }
});
