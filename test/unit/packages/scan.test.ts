import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { parseManifest } from "../../../sdk/contract/manifest.ts";
import type { ScanVerdict } from "../../../sdk/contract/package-report.ts";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import type { ArchiveFile } from "../../../worker/control/packages/archive/archive.ts";
import { scanData } from "../../../worker/control/packages/scan-module.ts";
import { scanPackage } from "../../../worker/control/packages/scan.ts";
import { SCAN_RULES, SCANNER_VERSION, TEXT_PATTERNS } from "../../../worker/control/packages/scan-rules.ts";
import { findTexts } from "../../../worker/control/packages/scan-text.ts";
import { noise, utf8 } from "../../fixtures/packages/bytes.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { alarmTestModule, extismModule, wasm, type ModuleFixture } from "../../fixtures/packages/modules.ts";

interface Subject {
  readonly module?: Uint8Array;
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly files?: readonly ArchiveFile[];
  readonly memoryPages?: number;
}

function scan({ module = extismModule(), manifest = {}, files = [], memoryPages = 256 }: Subject): ScanVerdict {
  const digest = createHash("sha256").update(module).digest("hex");
  const parsed = parseManifest(manifestOf(manifest));
  return scanPackage({
    manifest: parsed,
    modules: [{ name: "main", path: parsed.wasm, report: inspectModule(module), data: scanData(module, parsed.wasm) }],
    files,
    digests: [digest],
    memoryPages,
  });
}

function file(path: string, content: Uint8Array | string, executable = false): ArchiveFile {
  const sample =
    typeof content === "string" ? Uint8Array.from(content, (character) => character.charCodeAt(0)) : content;
  return { path, bytes: sample.length, executable, sample };
}

test("an ordinary module is clean", () => {
  expect(scan({})).toEqual({ verdict: "clean", findings: [], scannerVersion: SCANNER_VERSION });
});

const host = "extism:host/env";
const httpRequest = { module: host, name: "http_request", type: "(i64, i64) -> i64" };
const big = noise(300 * 1024);

const CASES: readonly (readonly [
  rule: keyof typeof SCAN_RULES,
  Subject & { fixture?: ModuleFixture },
  message: string,
  evidence: string,
])[] = [
  [
    "import-unknown",
    { fixture: { imports: [{ module: "env", name: "emscripten_run_script" }] } },
    'The module imports the function "emscripten_run_script" of "env", which this platform does not have.',
    "import env.emscripten_run_script",
  ],
  [
    "import-unknown",
    {
      fixture: { imports: [{ module: "extism:host/user", name: "storage_rename", type: "(i64) -> i64" }] },
      manifest: { permissions: ["kv"] },
    },
    'The module imports "storage_rename" of "extism:host/user" for the capability storage (encrypted key-value storage), which this platform does not offer yet.',
    "import extism:host/user.storage_rename",
  ],
  [
    "import-kind",
    { fixture: { imports: [{ module: "env", name: "memory", kind: "memory" }] } },
    "The module imports a memory; plugins may import functions only.",
    "import env.memory",
  ],
  [
    "import-kind",
    { fixture: { imports: [{ module: "env", name: "table", kind: "table" }] } },
    "The module imports a table; plugins may import functions only.",
    "import env.table",
  ],
  [
    "import-kind",
    { fixture: { imports: [{ module: "env", name: "base", kind: "global" }] } },
    "The module imports a global; plugins may import functions only.",
    "import env.base",
  ],
  [
    "import-signature",
    { fixture: { imports: [{ module: host, name: "alloc", type: "(i32) -> i32" }] } },
    "The module imports extism:host/env.alloc as (i32) -> i32; it is (i64) -> i64.",
    "import extism:host/env.alloc",
  ],
  [
    "memory-minimum",
    { fixture: { memoryPages: 300 } },
    "The module needs 19660800 bytes of memory to start; its limit is 16777216 (manifest limits.memory).",
    "memory section, 300 pages",
  ],
  [
    "export-none",
    { fixture: { functions: { add: "(i32, i32) -> i32", _initialize: "() -> ()", __wasm_call_ctors: "() -> ()" } } },
    "The module exports no function of type () -> () or () -> i32, so there is nothing to call.",
    "3 exports",
  ],
  [
    "digest-known-bad",
    { module: alarmTestModule() },
    "The package contains the test module of the alarm.",
    "SHA-256 b43f2e3001683e175e9e928a28e6c4acff92450e398b8182fdc4b53b18f06ee2",
  ],
  [
    "capability-undeclared",
    { fixture: { imports: [httpRequest] } },
    "The module needs the capability http, which the manifest does not ask for; its calls will be refused.",
    "import extism:host/env.http_request",
  ],
  [
    "capability-unused",
    { manifest: { permissions: ["crypto"] } },
    "The manifest asks for the capability crypto, which the module never uses.",
    "manifest.json /permissions/0",
  ],
  [
    "export-name-odd",
    { fixture: { functions: { run: "() -> i32", "\u200b\u202e": "() -> i32" } } },
    "An export has a name that no compiler gives.",
    'export "\u200b\u202e"',
  ],
  [
    "start-function",
    { fixture: { start: true } },
    "The module has a start function; it runs before each call.",
    "start section",
  ],
  [
    "names-stripped",
    { fixture: { custom: {} } },
    "The module has no name section; its traces show numbers for functions.",
    "custom sections",
  ],
  [
    "data-packed",
    { fixture: { data: big } },
    "100 % of the module's data looks compressed or encrypted; what it does cannot be told from it.",
    `plugin.wasm, data section of ${big.length + 5} bytes`,
  ],
  [
    "file-executable",
    { files: [file("lib/x.so", "\u007fELF\u0002")] },
    "The package contains an ELF program.",
    "file lib/x.so",
  ],
  ["file-executable", { files: [file("x.md", "MZ\u0090")] }, "The package contains a Windows program.", "file x.md"],
  ["file-script", { files: [file("build", "#!/bin/sh\n")] }, "The package contains a script.", "file build"],
  [
    "file-script",
    { files: [file("a.txt", "text", true)] },
    "The package contains a file marked as executable.",
    "file a.txt",
  ],
  [
    "archive-nested",
    { files: [file("more.json", "PK\u0003\u0004")] },
    "The package contains a ZIP archive.",
    "file more.json",
  ],
  [
    "archive-nested",
    { files: [file("more", `${"\0".repeat(257)}ustar`)] },
    "The package contains a tar archive.",
    "file more",
  ],
  [
    "file-module-unused",
    { files: [file("plugin.wasm", "\0asm"), file("old.wasm", "\0asm")] },
    "The package contains a module that the manifest does not name.",
    "file old.wasm",
  ],
  [
    "file-unexpected",
    { files: [file("data.sqlite3", "SQLite format 3"), file("LICENSE", "MIT"), file("README.md", "#")] },
    "The package contains a file of a kind that plugins seldom need: .sqlite3",
    "file data.sqlite3",
  ],
];

test.each(CASES)("%s is found", (rule, subject, message, evidence) => {
  const module = subject.fixture ? wasm(subject.fixture) : subject.module;
  const verdict = scan({ ...subject, ...(module ? { module } : {}) });
  expect(verdict.findings).toEqual([{ rule, severity: SCAN_RULES[rule], message, evidence }]);
  const expected = { critical: "refused", high: "warnings", medium: "warnings", low: "clean", info: "clean" } as const;
  expect(verdict.verdict).toBe(expected[SCAN_RULES[rule]]);
});

/** Made here, in pieces, so that no credential stands in a file. */
const body = (length: number, alphabet = "A1b2C3d4E5f6G7h8"): string =>
  alphabet.repeat(Math.ceil(length / 16)).slice(0, length);
const PEM = ["PRIVATE", "KEY"].join(" ");
const SECRETS: readonly (readonly [what: string, text: string])[] = [
  ["an AWS access key id", `AKIA${body(16, "ABCDEFGHIJ234567")}`],
  ["a private key in PEM form", `-----BEGIN RSA ${PEM}-----\n${body(64)}\n${body(64)}`],
  ["a private key in PEM form", String.raw`-----BEGIN ${PEM}-----\n` + body(80)],
  ["a GitHub token", `ghp_${body(36)}`],
  ["a GitHub token", `github_pat_${body(22)}_${body(59)}`],
  ["a GitLab token", `glpat-${body(20)}`],
  ["a Slack token", `xoxb-${body(10, "1234567890123456")}-${body(24)}`],
  [
    "a Slack webhook",
    `https://hooks.slack.com/services/T${body(8, "ABCDEFGH12345678")}/B${body(8, "ABCDEFGH12345678")}/${body(24)}`,
  ],
  ["a Google API key", `AIza${body(35)}`],
  ["a Google OAuth secret", `GOCSPX-${body(28)}`],
  ["a live Stripe key", `sk_live_${body(24)}`],
  ["an npm token", `npm_${body(36)}`],
  ["an Anthropic API key", `sk-ant-api03-${body(90)}`],
  ["an OpenAI API key", `sk-proj-${body(80)}`],
  ["a JSON web token", `eyJ${body(20)}.eyJ${body(40)}.${body(43)}`],
  ["the address of a mining pool", "stratum+tcp://pool.example"],
];

test.each(SECRETS)("%s in the data of a module is found and not repeated", (what, secret) => {
  const { findings, verdict } = scan({ module: extismModule({ data: utf8(`\0before ${secret} after\0`) }) });
  expect(findings.map(({ message }) => message)).toEqual([`The package contains ${what}.`]);
  expect(verdict).toBe("warnings");
  expect(findings[0]?.evidence).toMatch(/^plugin\.wasm, data section, byte \d+: .{4}… \(\d+ characters\)$/);
  expect(JSON.stringify(findings)).not.toContain(secret.slice(0, 12));
});

test("every pattern has a sample above", () => {
  const unproven = TEXT_PATTERNS.filter(({ expression }) => !SECRETS.some(([, text]) => text.search(expression) >= 0));
  expect(unproven.map(({ what }) => what)).toEqual([]);
});

test.each([
  ["the key of Amazon's documentation", "AKIAIOSFODNN7EXAMPLE"],
  ["the PEM header alone, as TLS libraries have it", "-----BEGIN RSA PRIVATE KEY----------END RSA PRIVATE KEY-----"],
  ["part of a longer word", `XAKIA${body(16, "ABCDEFGHIJ234567")}`],
  ["a test key", `sk_test_${body(24)}`],
])("%s is no secret", (_name, text) => {
  expect(findTexts(utf8(text), "file")).toEqual([]);
});

test("a secret across two windows is found once", () => {
  const secret = utf8(`ghp_${body(36)} `);
  for (const start of [1024 * 1024 - 20, 1024 * 1024 + 100]) {
    const bytes = new Uint8Array(1024 * 1024 * 2);
    bytes.set(secret, start);
    expect(findTexts(bytes, "data").map(({ evidence }) => evidence)).toEqual([
      `data, byte ${start}: ghp_… (40 characters)`,
    ]);
  }
});

test("findings come most severe first, and at most 20 of a rule", () => {
  const imports = Array.from({ length: 30 }, (_unused, index) => ({ module: "env", name: `f${index}` }));
  const { findings, verdict } = scan({ module: wasm({ imports, custom: {} }), manifest: { permissions: ["crypto"] } });
  expect(verdict).toBe("refused");
  expect(findings.map(({ severity }) => severity)).toEqual([...Array<string>(21).fill("critical"), "low", "info"]);
  expect(findings[20]?.message).toBe("10 more findings of this rule.");
});

test("names in findings are cut", () => {
  const { findings } = scan({ module: wasm({ imports: [{ module: "m", name: "n".repeat(5_000) }] }) });
  expect(findings.map(({ message, evidence }) => [message.length, evidence.length])).toEqual([[301, 301]]);
});
