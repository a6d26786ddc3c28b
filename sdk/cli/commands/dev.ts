import { once } from "node:events";
import path from "node:path";
import { currentAccount } from "../../account/account.ts";
import { ApiClient } from "../../account/api-client.ts";
import { identityOf } from "../../account/identity.ts";
import { PLATFORM_TENANT } from "../../contract/identifiers.ts";
import { DevSession, type Reload } from "../../development/dev-session.ts";
import { followExecutions } from "../../development/follow-executions.ts";
import { openGateway, type GatewayCall } from "../../development/gateway.ts";
import { DEVELOPMENT_TENANT, startLocalPlatform } from "../../development/local-platform.ts";
import { callLines, headLines, Panel, reloadLines } from "../../development/panel.ts";
import { watchProject } from "../../development/watch-project.ts";
import { openProject } from "../../project/project.ts";
import { UserError } from "../../project/user-error.ts";
import { portOf } from "../arguments.ts";
import { show, type OutputOptions } from "../output.ts";
import { progress } from "../progress.ts";

export interface DevOptions extends OutputOptions {
  /** A platform that runs already, in place of one of its own. */
  readonly url?: string;
  readonly port: string;
}

interface Target {
  readonly tenant: ApiClient;
  readonly tenantId: string;
  readonly uploader: (pluginId: string) => ApiClient;
  readonly stop: () => Promise<void>;
}

/** Builds and reloads a project whenever it changes, until it is told to stop. */
export async function dev(word: string, options: DevOptions): Promise<void> {
  const folder = path.resolve(word);
  await openProject(folder); // says at once what is no project
  const target = await openTarget(folder, options);
  const view = new DevView(target, options);
  const pluginId = (): string | undefined => view.running?.version.pluginId;
  const ends: (() => unknown)[] = [target.stop];
  try {
    const { tenant, tenantId, uploader } = target;
    const gateway = await openGateway({
      port: portOf(options.port),
      tenant,
      tenantId,
      pluginId,
      called: (call) => view.called(call),
    });
    ends.unshift(
      () => gateway.close(),
      () => gateway.closeAllConnections(),
    );
    const address = gateway.address();
    view.address = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const session = new DevSession({ folder, tenant, uploader, reloaded: (reload) => view.reloaded(reload) });
    ends.unshift(watchProject(folder, () => void session.reload()));
    await session.reload();
    ends.unshift(followExecutions(tenant, pluginId, (execution) => view.ran(execution)));
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  } finally {
    for (const end of ends) await end();
  }
}

async function openTarget(folder: string, { url, json = false }: DevOptions): Promise<Target> {
  if (url === undefined) {
    const platform = await progress("starting the platform", json, () => startLocalPlatform({ folder, port: 0 }));
    const tenant = platform.client(DEVELOPMENT_TENANT);
    // The platform's own tenant alone may upload ids without a publisher.
    const owner = platform.client(PLATFORM_TENANT);
    const uploader = (id: string): ApiClient => (id.includes(".") ? tenant : owner);
    return { tenant, tenantId: DEVELOPMENT_TENANT, uploader, stop: () => platform.stop() };
  }
  const tenant = new ApiClient(await currentAccount(url));
  const { tenant: tenantId } = identityOf(tenant.account.token);
  if (tenantId === undefined) throw new UserError("The token does not say whose it is: dev needs one of a tenant.");
  return { tenant, tenantId, uploader: () => tenant, stop: async () => undefined };
}

/** What is shown: a panel, or with `--json` a line for each thing that happens. */
class DevView {
  address = "";
  running: (Reload & { readonly ok: true }) | undefined;
  readonly #target: Target;
  readonly #options: OutputOptions;
  readonly #panel = new Panel(process.stdout);
  readonly #shown = new Set<string>();

  constructor(target: Target, options: OutputOptions) {
    this.#target = target;
    this.#options = options;
  }

  reloaded(reload: Reload): void {
    if (reload.ok) this.running = reload;
    const { ok, milliseconds } = reload;
    if (this.#options.json) {
      const said = reload.ok
        ? {
            pluginId: reload.version.pluginId,
            version: reload.version.version,
            address: this.address,
            platform: this.#target.tenant.account.url,
          }
        : { error: reloadLines(reload).join("\n") };
      return show({ event: "reloaded", ok, milliseconds, ...said }, [], this.#options);
    }
    const { tenant, tenantId } = this.#target;
    const state = { platform: tenant.account.url, address: this.address, tenant: tenantId };
    this.#panel.head(headLines({ ...state, last: reload, running: this.running }));
    this.#panel.add(reloadLines(reload));
  }

  called(call: GatewayCall): void {
    if (call.executionId !== undefined) this.#shown.add(call.executionId);
    if (this.#options.json) return show({ event: "called", ...call }, [], this.#options);
    this.#panel.add(callLines(call));
  }

  /** Calls that came another way: hooks, messages, endpoints, other callers. */
  ran(execution: Parameters<Parameters<typeof followExecutions>[2]>[0]): void {
    if (this.#shown.delete(execution.id)) return;
    if (this.#options.json) return show({ event: "ran", ...execution }, [], this.#options);
    const { functionName, errorCode, errorDetail, fuel, durationMs } = execution;
    const ending = { code: errorCode ?? undefined, detail: errorDetail ?? undefined, fuel, durationMs };
    this.#panel.add(callLines({ functionName, executionId: execution.id, ...ending, logs: [] }));
  }
}
