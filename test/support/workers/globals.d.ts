import type * as worker from "../../../worker/index.ts";

declare global {
  namespace Cloudflare {
    /** Types `exports` of cloudflare:workers after the worker under test. */
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
