import { currentAccount } from "../../account/account.ts";
import { ApiClient, ApiError } from "../../account/api-client.ts";
import { identityOf } from "../../account/identity.ts";
import type { Manifest } from "../../contract/manifest.ts";
import { inspectPackage } from "../../inspection/inspect-package.ts";
import { findingLines, refusalLines } from "../../inspection/inspection-text.ts";
import { openTarget } from "../../packaging/open-target.ts";
import { SIGNATURE_FILE } from "../../packaging/package-folder.ts";
import { UserError } from "../../project/user-error.ts";
import { grantsAsked, installVersion } from "../../publishing/install-version.ts";
import { uploadPackage } from "../../publishing/upload-package.ts";
import { readSignature } from "../../signing/signature.ts";
import { EXIT, show, type OutputOptions } from "../output.ts";
import { progress } from "../progress.ts";
import { confirm } from "../prompt.ts";

export interface PublishOptions extends OutputOptions {
  readonly url?: string;
  readonly install?: boolean;
  readonly yes?: boolean;
  readonly skipGate?: boolean;
}

/** Builds, checks and uploads a package; the same package again changes nothing. */
export async function publish(word: string, options: PublishOptions): Promise<void> {
  const { json = false } = options;
  const api = new ApiClient(await currentAccount(options.url));
  const target = await progress("building", json, () => openTarget(word));
  const { form } = target;
  // A signature that was left from another build would be uploaded with this one.
  if (target.kind === "folder" && target.files.has(SIGNATURE_FILE)) readSignature(target.files);
  const inspection = await progress("checking", json, () => inspectPackage(form, identityOf(api.account.token).tenant));
  if (!inspection.accepted) {
    process.exitCode = EXIT.failure;
    return show(inspection, [...refusalLines(inspection.problem), "Nothing was uploaded."], options);
  }
  const { manifest } = inspection;
  const { version, created } = await progress("uploading", json, () => uploadPackage(api, form)).catch(
    explained(manifest),
  );
  const { id: pluginId, version: number } = manifest;
  const installed = options.install ? await install(api, manifest, options) : undefined;
  show(
    {
      pluginId,
      version: number,
      created,
      packageDigest: version.packageDigest,
      scan: version.scan,
      ...(installed ? { installed } : {}),
    },
    [
      `${created ? "Published" : "Published before, and the same:"} ${pluginId} ${number} (SHA-256 ${version.packageDigest}).`,
      ...findingLines(version.scan.findings).map((line) => `  ${line}`),
      ...(installed ? [`${pluginId} ${number} is ${installed}.`] : []),
    ],
    options,
  );
}

/** @throws {UserError} where what the plugin asks for is not confirmed */
async function install(
  api: ApiClient,
  manifest: Manifest,
  { yes, skipGate, json = false }: PublishOptions,
): Promise<string> {
  const asked = manifest.permissions.map(({ capability, hosts }) =>
    hosts ? `${capability} (${hosts.join(", ")})` : capability,
  );
  const agreed =
    asked.length === 0 || yes || (!json && (await confirm(`Grant ${asked.join(", ")} to ${manifest.id}?`)));
  if (!agreed) {
    throw new UserError(
      `${manifest.id} asks for ${asked.join(", ")}: say --yes to grant it. It is published, not installed.`,
    );
  }
  const { id: pluginId, version } = manifest;
  const how = skipGate ? ({ gate: "skipped" } as const) : {};
  return await installVersion(api, { pluginId, version, grants: grantsAsked(manifest), ...how });
}

/** What to do about a refusal that authors often meet. */
function explained({ id, version }: Manifest): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ApiError)) throw error;
    const { code } = error.problem;
    const advice: Readonly<Record<string, string>> = {
      VERSION_CONFLICT: `${id} ${version} is published with another content: raise \`version\` in manifest.json.`,
      PERMISSION_DENIED: "The token may not upload: it needs the role developer or admin.",
      TOKEN_INVALID: `The token is not taken any more: \`patchbay login\` takes a new one.`,
    };
    throw advice[code] === undefined ? error : new UserError(`${code}: ${advice[code]}`, error.problem.detail);
  };
}
