import { env } from "cloudflare:workers";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import type { ProfileAnswer } from "../../../worker/control/profiles/schema.ts";
import { createDeps } from "../../../worker/deps.ts";
import { concat, utf8 } from "../../fixtures/packages/bytes.ts";
import type { ZipFile } from "../../fixtures/packages/zip-builder.ts";
import { api, type ApiAnswer } from "../../support/workers/api.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { archiveOf, formOf, seedDeveloper } from "../packages/upload-fixtures.ts";

/** Plugins that went the whole way: uploaded, installed, and run by requests. */

export interface Maker {
  readonly tenant: string;
  readonly token: (role: string) => Promise<string>;
}

export async function openTenant(): Promise<Maker> {
  const { tenantId: tenant } = await seedDeveloper();
  await compileSnapshot(createDeps(env, { waitUntil: (work) => void work }), tenant);
  return { tenant, token: (role) => mintToken({ tenant, roles: [role] }) };
}

/** Installs a module as `acme.count`, with files beside it where some are given. */
export async function install(
  maker: Maker,
  module: Uint8Array,
  files: readonly ZipFile[] = [],
  fields: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const token = await maker.token("admin");
  const archive = await archiveOf({ defaultFunction: "run", ...fields }, module, ...files);
  const uploaded = await api("post", "/api/plugins/upload", { token, raw: formOf({ package: archive }) });
  if (uploaded.status !== 201) throw new Error(`upload: ${JSON.stringify(uploaded.body)}`);
  const installed = await api("post", "/api/plugins/install", { token, body: { pluginId: "acme.count" } });
  if (installed.status >= 300) throw new Error(`install: ${JSON.stringify(installed.body)}`);
}

const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
const text = (value: string): number[] => [...leb(utf8(value).length), ...utf8(value)];

function customSection(name: string, content: readonly number[]): Uint8Array {
  const body = [...text(name), ...content];
  return Uint8Array.from([0, ...leb(body.length), ...body]);
}

/** The fixture with a name section that names these functions. */
export function namedGuest(names: Readonly<Record<number, string>>, sourceMapUrl?: string): Uint8Array {
  const entries = Object.entries(names).flatMap(([index, name]) => [...leb(Number(index)), ...text(name)]);
  const map = [...leb(Object.keys(names).length), ...entries];
  const sections = [customSection("name", [1, ...leb(map.length), ...map])];
  if (sourceMapUrl !== undefined) sections.push(customSection("sourceMappingURL", text(sourceMapUrl)));
  return concat(guestBytes("profiled"), ...sections);
}

export const NAMES = { 6: "fibonacci", 7: "answer", 8: "run", 9: "spin" } as const;

export interface ProfileReply extends Omit<ApiAnswer, "body"> {
  readonly body: ProfileAnswer;
}

export async function profile(maker: Maker, body: object, query = "", role = "developer"): Promise<ProfileReply> {
  const token = await maker.token(role);
  const answer = await api("post", `/api/plugins/acme.count/profile${query}`, { token, body });
  return { ...answer, body: answer.body as ProfileAnswer }; // checked field by field
}
