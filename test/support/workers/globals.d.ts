import type * as worker from "../../../worker/index.ts";

declare global {
  interface ImportMeta {
    /** Vite's: the modules whose paths match, by path. */
    glob<Module>(
      pattern: string,
      options: { readonly eager: true; readonly import: "default" },
    ): Record<string, Module>;
  }
  namespace Cloudflare {
    /** Types `exports` of cloudflare:workers after the worker under test. */
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
