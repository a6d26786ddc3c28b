import type { Manifest } from "../contract/manifest.ts";
import { completeManifest } from "./complete-manifest.ts";
import type { Project } from "./project.ts";

/**
 * A project's manifest with what its code says of itself, without compiling where the language's code says nothing: what is generated
 * from the manifest may be what the code needs to compile. Permissions that only a build can tell are not in it.
 *
 * @throws {UserError} with places in the author's files
 */
export async function describeProject(project: Project): Promise<Manifest> {
  const description = await project.language.describe?.(project);
  return completeManifest(project.manifest, description).manifest;
}
