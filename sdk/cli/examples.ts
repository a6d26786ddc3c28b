import type { Command } from "commander";

/** What help and the reference show of a command. */
export interface Examples {
  readonly path: string;
  readonly lines: readonly string[];
}

export const EXAMPLES: readonly Examples[] = [
  { path: "create", lines: ["patchbay create shop --id acme.shop --template endpoint"] },
  { path: "build", lines: ["patchbay build", "patchbay build plugins/shop --json"] },
  {
    path: "check",
    lines: ["patchbay check", "patchbay check dist/plugin.wasm", "patchbay check shop-1.2.0.zip --json"],
  },
  { path: "test", lines: ["patchbay test", "patchbay test --host extism"] },
  { path: "run", lines: [`patchbay run greet --input '{"name":"Ada"}' --config '{"greeting":"Hi"}'`] },
  { path: "profile", lines: [`patchbay profile greet --input '{"name":"Ada"}'`] },
  { path: "dev", lines: ["patchbay dev", "patchbay dev --url http://127.0.0.1:8787 --port 9000"] },
  {
    path: "login",
    lines: ["patchbay login https://patchbay.example.com", "npm run -s token | patchbay login http://127.0.0.1:8787"],
  },
  { path: "publish", lines: ["patchbay publish", "patchbay publish --install --yes"] },
  {
    path: "replay",
    lines: ["patchbay replay 01J8ZK3V5N8Q4W7R2T6Y9B1C3D", "patchbay replay 01J8ZK3V5N8Q4W7R2T6Y9B1C3D --plugin ."],
  },
  { path: "sign", lines: ["patchbay sign", "patchbay sign --verify --public-key publisher.pub"] },
  { path: "keys create", lines: ["patchbay keys create", "patchbay keys create release"] },
  { path: "completion", lines: ["patchbay completion bash > /etc/bash_completion.d/patchbay"] },
];

export function addExamples(program: Command, path: string, lines: readonly string[]): void {
  const command = path
    .split(" ")
    .reduce<Command | undefined>((parent, name) => parent?.commands.find((child) => child.name() === name), program);
  if (!command) throw new Error(`There is no command ${path}.`);
  command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}
