import type { Command } from "commander";
import { DEFAULT_KEY } from "../signing/key-store.ts";
import { attempt, command } from "./command.ts";
import { createKeyCommand, exportKey, listKeysCommand } from "./commands/keys.ts";
import { sign, type SignOptions } from "./commands/sign.ts";
import type { OutputOptions } from "./output.ts";

/** A publisher's keys, and what is signed with them. */
export function addSigningCommands(program: Command): void {
  const keys = program.command("keys").description("make, list and export a publisher's Ed25519 keys");
  command(keys, "create [name]", "make a key").action((name: string | undefined, options: OutputOptions) =>
    attempt(options, () => createKeyCommand(name ?? DEFAULT_KEY, options)),
  );
  command(keys, "list", "list the keys").action((options: OutputOptions) =>
    attempt(options, () => listKeysCommand(options)),
  );
  command(keys, "export [name]", "print the public half of a key").action(
    (name: string | undefined, options: OutputOptions) =>
      attempt(options, () => exportKey(name ?? DEFAULT_KEY, options)),
  );
  command(program, "sign [target]", "sign a package, or prove its signature")
    .option("-k, --key <name>", "the key to sign with", DEFAULT_KEY)
    .option("--verify", "prove the signature that is there")
    .option("--public-key <file>", "with --verify, the key that is trusted (default: your own keys)")
    .action((target: string | undefined, options: SignOptions) => attempt(options, () => sign(target ?? ".", options)));
}
