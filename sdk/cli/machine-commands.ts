import { Argument, type Command } from "commander";
import { attempt, command } from "./command.ts";
import { commandRows } from "./command-table.ts";
import { doctor } from "./commands/doctor.ts";
import { completionScript, SHELLS, type Shell } from "./completion.ts";
import { show, type OutputOptions } from "./output.ts";

/** Commands about the machine that this program runs on. */
export function addMachineCommands(program: Command, version: string): void {
  command(program, "doctor", "say what of this machine and the platform is as it should be").action(
    (options: OutputOptions) => attempt(options, () => doctor(version, options)),
  );
  command(program, "completion", "print the script by which a shell completes these commands")
    .addArgument(new Argument("<shell>", `one of ${SHELLS.join(", ")}`).choices(SHELLS))
    .action((shell: Shell, options: OutputOptions) =>
      attempt(options, async () => {
        const script = completionScript(shell, commandRows(program));
        show({ shell, script }, [script.trimEnd()], options);
      }),
    );
}
