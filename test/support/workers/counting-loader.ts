import { env } from "cloudflare:workers";
import type { SandboxCall } from "../../../sdk/contract/sandbox.ts";

/** Calls in flight, now and at most. */
export class Gauge {
  now = 0;
  most = 0;

  async during<T>(run: () => Promise<T>): Promise<T> {
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    try {
      return await run();
    } finally {
      this.now -= 1;
    }
  }
}

interface Sandbox {
  call(call: SandboxCall, ...rest: unknown[]): Promise<unknown>;
}

/** The real loader, with the calls in each isolate, and in all of them together, counted. */
export class CountingLoader {
  readonly all = new Gauge();
  readonly isolates = new Map<string, Gauge>();
  readonly loader: WorkerLoader;

  /** @param before  runs as part of each call; where it throws, the isolate has failed */
  constructor(before: (call: SandboxCall) => Promise<void> | void = () => undefined) {
    const get: WorkerLoader["get"] = (id, getCode) => {
      const stub = env.LOADER.get(id, getCode);
      const open = (name?: string): Sandbox => {
        const sandbox = stub.getEntrypoint(name) as unknown as Sandbox; // the loader cannot know the class it loads
        const run = async (call: SandboxCall, rest: unknown[]): Promise<unknown> => {
          await before(call);
          return sandbox.call(call, ...rest);
        };
        return {
          call: (call, ...rest) => this.#gauge(String(id)).during(() => this.all.during(() => run(call, rest))),
        };
      };
      return { getEntrypoint: open } as unknown as WorkerStub; // nothing else of it is used
    };
    this.loader = { ...env.LOADER, get };
  }

  #gauge(id: string): Gauge {
    const gauge = this.isolates.get(id) ?? new Gauge();
    this.isolates.set(id, gauge);
    return gauge;
  }
}
