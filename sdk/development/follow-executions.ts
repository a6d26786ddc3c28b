import type { ApiClient } from "../account/api-client.ts";
import { UserError } from "../project/user-error.ts";

/** An execution as the platform's history has it. */
export interface Execution {
  readonly id: string;
  readonly version: string;
  readonly functionName: string;
  readonly status: "succeeded" | "failed";
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly durationMs: number;
  readonly fuel: number;
}

const PAGE = 50;
const EVERY_MS = 1_000;

/**
 * Tells of a plugin's executions as they get into the history, oldest first, each once.
 *
 * @param pluginId  undefined until there is a plugin
 * @returns ends it
 */
export function followExecutions(
  api: ApiClient,
  pluginId: () => string | undefined,
  ran: (execution: Execution) => void,
): () => void {
  let last = "";
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const id = pluginId();
    if (id !== undefined) {
      const { items } = await api.json<{ items: Execution[] }>("GET", `/api/plugins/${id}/executions?limit=${PAGE}`);
      for (const execution of items.filter((item) => item.id > last).reverse()) ran(execution);
      last = items[0]?.id ?? last;
    }
  };
  const loop = async (): Promise<void> => {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof UserError)) throw error; // a platform that is away now is asked again
    }
    if (!ended) timer = setTimeout(() => void loop(), EVERY_MS);
  };
  void loop();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
