import type { Finding, Severity } from "../../../sdk/contract/package-report.ts";

/** Changes whenever a rule, a pattern or a digest is added, removed or judged otherwise; stored verdicts name it. */
export const SCANNER_VERSION = "2";

/**
 * Rules of the scan, once. Critical refuses the upload: the module could not run here, or is known to be harmful.
 * High and medium ask a person to look; low and info are hints for the author.
 */
export const SCAN_RULES = {
  "import-unknown": "critical",
  "import-unresolved": "critical",
  "import-kind": "critical",
  "import-signature": "critical",
  "memory-minimum": "critical",
  "export-none": "critical",
  "digest-known-bad": "critical",

  "secret-embedded": "high",
  "file-executable": "high",
  "mining-pool": "high",

  // Not high: nothing happens without a grant, the call is refused. It is the consent that is incomplete.
  "capability-undeclared": "medium",
  "token-embedded": "medium",
  "archive-nested": "medium",
  "data-packed": "medium",
  "export-name-odd": "medium",

  "capability-unused": "low",
  "file-script": "low",
  "file-module-unused": "low",
  "module-unused": "low",

  "file-unexpected": "info",
  "names-stripped": "info",
  "start-function": "info",
  "data-unscanned": "info",
} as const satisfies Record<string, Severity>;

export type ScanRule = keyof typeof SCAN_RULES;

/** Names in a module may be megabytes long; what is reported of them is not. */
const SHOWN_CHARACTERS = 300;

/** A finding of a rule, with its severity. */
export function finding(rule: ScanRule, message: string, evidence: string): Finding {
  return { rule, severity: SCAN_RULES[rule], message: shown(message), evidence: shown(evidence) };
}

function shown(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/**
 * SHA-256 of packages, modules and files that are refused whatever else they are. The first is no malware: it lets
 * operators test the alarm, as the EICAR file does for virus scanners (test/fixtures/packages/modules.ts builds it).
 */
export const KNOWN_BAD_DIGESTS: Readonly<Record<string, string>> = {
  b43f2e3001683e175e9e928a28e6c4acff92450e398b8182fdc4b53b18f06ee2: "the test module of the alarm",
};

export interface TextPattern {
  readonly rule: ScanRule;
  readonly what: string;
  /** Global; every match is bounded in length. Begins with fixed text, which keeps the search fast. */
  readonly expression: RegExp;
  /** Matches that are published examples. */
  readonly harmless?: RegExp;
}

/** Credentials whose form alone tells what they are, so that a match is hardly ever something else. */
export const TEXT_PATTERNS: readonly TextPattern[] = [
  {
    rule: "secret-embedded",
    what: "an AWS access key id",
    expression: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g,
    harmless: /EXAMPLE$/,
  },
  {
    rule: "secret-embedded",
    what: "a private key in PEM form",
    // The body is required: TLS libraries contain the bare header as a constant.
    expression:
      /-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+[A-Za-z0-9+/=\s:,.\\-]{64,4096}/g,
  },
  { rule: "secret-embedded", what: "a GitHub token", expression: /\bgh[pousr]_[A-Za-z0-9]{36,255}\b/g },
  { rule: "secret-embedded", what: "a GitHub token", expression: /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/g },
  { rule: "secret-embedded", what: "a GitLab token", expression: /\bglpat-[A-Za-z0-9_-]{20,64}\b/g },
  { rule: "secret-embedded", what: "a Slack token", expression: /\bxox[abprs]-[0-9]{10,13}-[A-Za-z0-9-]{20,128}\b/g },
  {
    rule: "secret-embedded",
    what: "a Slack webhook",
    expression: /https:\/\/hooks\.slack\.com\/services\/T[A-Z0-9]{8,12}\/B[A-Z0-9]{8,12}\/[A-Za-z0-9]{24}\b/g,
  },
  { rule: "secret-embedded", what: "a Google API key", expression: /\bAIza[A-Za-z0-9_-]{35}\b/g },
  { rule: "secret-embedded", what: "a Google OAuth secret", expression: /\bGOCSPX-[A-Za-z0-9_-]{28}\b/g },
  { rule: "secret-embedded", what: "a live Stripe key", expression: /\b[rs]k_live_[A-Za-z0-9]{24,128}\b/g },
  { rule: "secret-embedded", what: "an npm token", expression: /\bnpm_[A-Za-z0-9]{36}\b/g },
  {
    rule: "secret-embedded",
    what: "an Anthropic API key",
    expression: /\bsk-ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{80,128}\b/g,
  },
  { rule: "secret-embedded", what: "an OpenAI API key", expression: /\bsk-proj-[A-Za-z0-9_-]{64,200}\b/g },
  {
    rule: "token-embedded",
    what: "a JSON web token",
    expression: /\beyJ[A-Za-z0-9_-]{10,1024}\.eyJ[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{20,1024}/g,
  },
  {
    rule: "mining-pool",
    what: "the address of a mining pool",
    expression: /\bstratum\+(?:tcp|ssl):\/\/[a-z0-9.-]{4,255}/g,
  },
];

/** First bytes of files that have no business in a package, with the rule they break. */
export const FILE_SIGNATURES: readonly {
  readonly rule: ScanRule;
  readonly what: string;
  readonly bytes: string;
  readonly offset?: number;
}[] = [
  { rule: "file-executable", what: "an ELF program", bytes: "\u007fELF" },
  { rule: "file-executable", what: "a Windows program", bytes: "MZ" },
  { rule: "file-executable", what: "a macOS program", bytes: "\u00cf\u00fa\u00ed\u00fe" },
  { rule: "file-executable", what: "a macOS program", bytes: "\u00ca\u00fe\u00ba\u00be" },
  { rule: "file-script", what: "a script", bytes: "#!" },
  { rule: "archive-nested", what: "a ZIP archive", bytes: "PK\u0003\u0004" },
  { rule: "archive-nested", what: "a gzip file", bytes: "\u001f\u008b" },
  { rule: "archive-nested", what: "a bzip2 file", bytes: "BZh" },
  { rule: "archive-nested", what: "an xz file", bytes: "\u00fd7zXZ" },
  { rule: "archive-nested", what: "a Zstandard file", bytes: "\u0028\u00b5\u002f\u00fd" },
  { rule: "archive-nested", what: "a 7-Zip archive", bytes: "7z\u00bc\u00af" },
  { rule: "archive-nested", what: "a RAR archive", bytes: "Rar!" },
  { rule: "archive-nested", what: "a tar archive", bytes: "ustar", offset: 257 },
];

/** Endings of files that packages usually have; names without an ending such as LICENSE are fine too. */
export const EXPECTED_ENDINGS: ReadonlySet<string> = new Set(
  (
    "wasm json md txt toml yaml yml xml csv wit wat ts js mjs cjs css html svg png jpg jpeg gif webp ico lock map " +
    "rs go c h cpp hpp zig py java kt cs mod sum pem.pub license gitignore editorconfig"
  ).split(" "),
);
