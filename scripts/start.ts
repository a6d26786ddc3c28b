import path from "node:path";
import { bootstrap, builtIns, DEMO_TENANT, localApi } from "./bootstrap.ts";
import { build } from "./build.ts";
import { signingKey, stateFolder } from "./local-state.ts";
import { applyMigrations, exitOf, startWorker } from "./local-worker.ts";
import { logProgress as log } from "./progress.ts";

/**
 * `npm start`: builds, migrates, starts the worker under workerd, installs the built-ins for the demo tenant, runs one
 * and stays up. `PORT` and `PATCHBAY_STATE` choose port and folder.
 */
const SHOWN_PLUGIN = "sentiment";
const SHOWN_REQUEST = { input: { text: "The setup was painless and I love how fast it runs!" } };

function port(): number {
  const text = process.env["PORT"] ?? "8787";
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new Error(`PORT must be a number from 1 to 65535; found "${text}"`);
  }
  return number;
}

async function showOneCall(url: string, state: string): Promise<void> {
  const api = await localApi(url, await signingKey(state), DEMO_TENANT);
  const route = `/api/plugins/${SHOWN_PLUGIN}/execute`;
  process.stdout.write(`\nPOST ${url}${route}\n${JSON.stringify(SHOWN_REQUEST)}\n\n`);
  const answer = await api.call("POST", route, SHOWN_REQUEST);
  process.stdout.write(`${answer.status}\n${await answer.text()}\n\n`);
  if (!answer.ok) throw new Error(`The built-in plugin ${SHOWN_PLUGIN} did not run.`);
}

async function start(): Promise<number> {
  const root = path.resolve(import.meta.dirname, "..");
  const state = stateFolder(root);
  await build({ root, log });
  const plugins = await builtIns(root);
  const readyInstalls = plugins.map((plugin) => `${DEMO_TENANT}/${plugin.id}`);
  const options = { root, state, port: port(), readyInstalls, log };
  await applyMigrations(options);
  log("starting the worker under workerd");
  const worker = await startWorker(options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => worker.kill(signal));
  const url = `http://127.0.0.1:${options.port}`;
  try {
    await bootstrap(url, await signingKey(state), plugins, log);
    await showOneCall(url, state);
  } catch (error) {
    worker.kill("SIGTERM");
    throw error;
  }
  process.stdout.write(
    `Patchbay is ready at ${url}\n  API reference  ${url}/docs\n  state          ${state}\n` +
      `  a token        npm run -s token -- --tenant ${DEMO_TENANT} --role admin\n  stop           Ctrl+C\n`,
  );
  return (await exitOf(worker)) ?? 0;
}

process.exitCode = await start().catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error));
  return 1;
});
