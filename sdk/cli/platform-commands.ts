import type { Command } from "commander";
import { attempt, command } from "./command.ts";
import { dev, type DevOptions } from "./commands/dev.ts";
import { login, logout, whoami, type WhoamiOptions } from "./commands/login.ts";
import { publish, type PublishOptions } from "./commands/publish.ts";
import { replay, type ReplayOptions } from "./commands/replay.ts";
import type { OutputOptions } from "./output.ts";

/** Commands that speak with a platform. */
export function addPlatformCommands(program: Command): void {
  command(program, "login <url>", "log in to a platform with a token or an API key").action(
    (url: string, options: OutputOptions) => attempt(options, () => login(url, options)),
  );
  command(program, "logout", "forget the token").action((options: OutputOptions) =>
    attempt(options, () => logout(options)),
  );
  onPlatform(command(program, "whoami", "say who the platform takes you for")).action((options: WhoamiOptions) =>
    attempt(options, () => whoami(options)),
  );
  onPlatform(command(program, "replay <executionId>", "download a recorded call and run it again here"))
    .option("--plugin <file>", "a module, or the folder of a project, that stands in for what ran")
    .action((executionId: string, options: ReplayOptions) => attempt(options, () => replay(executionId, options)));
  onPlatform(command(program, "publish [target]", "build, check and upload a plugin"))
    .option("--install", "make your tenant run it")
    .option("-y, --yes", "grant what it asks for without asking back")
    .option("--skip-gate", "install it although recorded calls may come out otherwise")
    .action((target: string | undefined, options: PublishOptions) =>
      attempt(options, () => publish(target ?? ".", options)),
    );
  command(program, "dev [folder]", "run a plugin on a platform of its own, and reload it whenever it changes")
    .option("--url <url>", "a platform that runs already and that you are logged in to")
    .option("-p, --port <port>", "where to call the plugin, without a token and from this machine only", "8788")
    .action((folder: string | undefined, options: DevOptions) => attempt(options, () => dev(folder ?? ".", options)));
}

function onPlatform(created: Command): Command {
  return created.option("--url <url>", "the platform (default: the one that you are logged in to)");
}
