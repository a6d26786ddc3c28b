import path from "node:path";
import type { ApiClient } from "../account/api-client.ts";
import { MANIFEST_FILE, parseManifestText, type Manifest } from "../contract/manifest.ts";
import { collectPackage, SIGNATURE_FILE, type PackageFiles } from "../packaging/package-folder.ts";
import { packageForm } from "../packaging/package-form.ts";
import { buildProject, type BuildReport } from "../project/build-project.ts";
import { openProject } from "../project/project.ts";
import { grantsAsked, installVersion, updateInstall } from "../publishing/install-version.ts";
import { uploadPackage, type UploadedVersion } from "../publishing/upload-package.ts";

/** What a reload came to. */
export type Reload =
  | {
      readonly ok: true;
      readonly report: BuildReport;
      readonly version: UploadedVersion;
      readonly milliseconds: number;
    }
  | { readonly ok: false; readonly error: unknown; readonly milliseconds: number };

export interface DevSessionOptions {
  readonly folder: string;
  /** Whose install it is. */
  readonly tenant: ApiClient;
  /** Who uploads a plugin of this id. */
  readonly uploader: (pluginId: string) => ApiClient;
  /** Told of each reload. */
  readonly reloaded: (reload: Reload) => void;
}

/** Builds a project, uploads it as a version of its own, and makes the platform run it; once for each change. */
export class DevSession {
  readonly #options: DevSessionOptions;
  /** Versions of one start are numbered from its time on, so that none is used twice. */
  #number = Math.floor(Date.now() / 1000);
  #running: Promise<void> | undefined;
  #again = false;
  /** Id of the plugin that is known to be installed. */
  #installed: string | undefined;

  constructor(options: DevSessionOptions) {
    this.#options = options;
  }

  /** Reloads; where a reload is under way, once more after it. */
  async reload(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#work();
    await this.#running;
  }

  async #work(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const startedAt = performance.now();
      const done = await this.#once().then(
        (made) => ({ ok: true, ...made }) as const,
        (error: unknown) => ({ ok: false, error }) as const,
      );
      this.#options.reloaded({ ...done, milliseconds: Math.round(performance.now() - startedAt) });
    }
    this.#running = undefined;
  }

  async #once(): Promise<{ readonly report: BuildReport; readonly version: UploadedVersion }> {
    const { folder, tenant, uploader } = this.#options;
    const report = await buildProject(await openProject(folder));
    const built = await collectPackage({ folder: path.dirname(report.module), filesFolder: folder });
    const { files, manifest } = renumbered(built, ++this.#number);
    const { version } = await uploadPackage(uploader(manifest.id), packageForm(files));
    const { id: pluginId, version: number } = manifest;
    // Whoever changes code wants calls to come out otherwise.
    const request = { pluginId, version: number, grants: grantsAsked(manifest), gate: "skipped" } as const;
    await (this.#installed === manifest.id ? updateInstall(tenant, request) : installVersion(tenant, request));
    this.#installed = manifest.id;
    return { report, version };
  }
}

/** A version's bytes never change, so each build is a prerelease of its own. */
function renumbered(
  built: PackageFiles,
  number: number,
): { readonly files: PackageFiles; readonly manifest: Manifest } {
  const text = new TextDecoder().decode(built.get(MANIFEST_FILE));
  const written = JSON.parse(text) as { readonly version: string }; // a build has checked it
  const version = `${written.version.replace(/[-+].*$/, "")}-dev.${number}`;
  const manifest = new TextEncoder().encode(JSON.stringify({ ...written, version }));
  const files = new Map([...built, [MANIFEST_FILE, manifest] as const]);
  files.delete(SIGNATURE_FILE); // of the version that the author has signed
  return { files, manifest: parseManifestText(manifest) };
}
