import type { CallProfile } from "../../sdk/contract/profile.ts";
import {
  PROFILE_ENTRYPOINT,
  SANDBOX_MODULES,
  type ProfiledOutcome,
  type SandboxCall,
  type SandboxOutcome,
} from "../../sdk/contract/sandbox.ts";
import { MAIN_MODULE } from "../../sdk/contract/linking.ts";
import type { CallHost, Isolates, IsolateProgram } from "./isolate.ts";
import profileKernel from "./sandbox/profile-kernel.generated.wasm";
import type { SnapshotInstall } from "./snapshot.ts";

const PROFILE_PROGRAM: IsolateProgram = {
  entrypoint: PROFILE_ENTRYPOINT,
  modules: { [SANDBOX_MODULES.profileKernel]: { wasm: profileKernel } },
};

/** Runs a call in the profiled form of its plugin's module and keeps the profile; calls nested in it run as ever. */
export class ProfiledCalls {
  /** Undefined where the call has not reached the plugin's isolate, or did not come back in time. */
  profile: CallProfile | undefined;
  readonly #plain: Isolates;
  readonly #profiling: Isolates;
  readonly #digests: ReadonlyMap<string, string>;

  /** @param digests  SHA-256 of each module of the plugin as rewritten for profiling, hexadecimal, by its name in the package */
  constructor(isolates: Isolates, digests: ReadonlyMap<string, string>) {
    this.#plain = isolates;
    this.#profiling = isolates.running(PROFILE_PROGRAM);
    this.#digests = digests;
  }

  /** As the plain module's isolates do. @throws {PlatformError} as they do */
  async call(install: SnapshotInstall, call: SandboxCall, host?: CallHost, parent?: string): Promise<SandboxOutcome> {
    if (parent !== undefined) return await this.#plain.call(install, call, host, parent);
    const answer = (await this.#profiling.call(this.#profiled(install), call, host)) as ProfiledOutcome; // what its program answers
    const { profile, ...outcome } = answer;
    this.profile = profile;
    return outcome;
  }

  #profiled(install: SnapshotInstall): SnapshotInstall {
    const digestOf = (name: string, plain: string): string => this.#digests.get(name) ?? plain;
    const main = { ...install, rewrittenDigest: digestOf(MAIN_MODULE, install.rewrittenDigest) };
    if (!install.parts) return main;
    const modules = install.parts.modules.map((part) => ({ ...part, digest: digestOf(part.name, part.digest) }));
    return { ...main, parts: { ...install.parts, modules } };
  }
}
