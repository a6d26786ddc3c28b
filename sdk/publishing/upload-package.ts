import type { ApiClient } from "../account/api-client.ts";
import type { InspectedVersion, PackageForm } from "../inspection/inspection.ts";

/** A version as the platform stored it. */
export interface UploadedVersion extends InspectedVersion {
  readonly id: string;
  readonly state: "validated" | "quarantined";
  readonly uploadedBy: string;
  readonly createdAt: number;
}

export interface Upload {
  readonly version: UploadedVersion;
  /** False where this very package was there already. */
  readonly created: boolean;
}

/** @throws {ApiError} with the platform's code */
export async function uploadPackage(api: ApiClient, form: PackageForm): Promise<Upload> {
  const answer = await api.request("POST", "/api/plugins/upload", formData(form));
  return { version: (await answer.json()) as UploadedVersion, created: answer.status === 201 }; // as the route answers
}

function formData(form: PackageForm): FormData {
  const parts = new FormData();
  if (form.kind === "archive") parts.set("package", blobOf(form.archive), "package.zip");
  else {
    parts.set("manifest", blobOf(form.manifest), "manifest.json");
    parts.set("wasm", blobOf(form.wasm), "plugin.wasm");
  }
  return parts;
}

function blobOf(bytes: Uint8Array): Blob {
  return new Blob([Uint8Array.from(bytes)]);
}
