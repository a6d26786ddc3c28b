/**
 * Runs a script in the form that the suite's reference interpreter makes for JavaScript: modules are binaries, and results
 * that do not cross the border unharmed (64-bit numbers, NaN) are compared by further modules, which trap.
 */
import vm from "node:vm";
import { isMissing, NotRun, shown, type Exports, type Missing, type ScriptHost } from "./script-host.ts";

type Instance = Exports | Missing;
type Action = () => unknown;

/** Lines of outcomes, one for each command, with the line of the script in front. */
export function runBinaryScript(source: string, host: ScriptHost): string[] {
  const commands = new BinaryCommands(host);
  const names = Object.keys(commands.functions);
  const script = vm.compileFunction(source, names);
  script(...Object.values(commands.functions));
  return commands.outcomes;
}

class BinaryCommands {
  readonly outcomes: string[] = [];
  readonly #host: ScriptHost;
  /** Inside the action of an assertion, which has the outcome. */
  #inside = false;

  constructor(host: ScriptHost) {
    this.#host = host;
  }

  /** The names are those of the suite's harness. */
  readonly functions = {
    instance: (text: string, imports?: Readonly<Record<string, Exports>>): Instance => this.#instance(text, imports),
    // Some parts of the suite give the module that is tested a name, others call it "module".
    exports: (...given: readonly [string, Instance] | readonly [Instance]) =>
      given.length === 1 ? { module: present(given[0]) } : { [given[0]]: present(given[1]) },
    externref: (name: number) => this.#host.reference(name),
    call: (instance: Instance, name: string, values: readonly unknown[]) =>
      this.#host.call(present(instance), name, values),
    get: (instance: Instance, name: string) => valueOf(present(instance)[name]),
    register: (name: string, instance: Instance) => this.#host.register(name, instance),
    run: (action: Action) => this.#perform("run", action),
    assert_return: (action: Action) => this.#perform("assert_return", action),
    assert_trap: (action: Action) => this.#perform("assert_trap", action),
    assert_exhaustion: (action: Action) => this.#perform("assert_exhaustion", action),
    assert_invalid: (text: string) => this.#compile("assert_invalid", text),
    assert_malformed: (text: string) => this.#compile("assert_malformed", text),
    assert_unlinkable: (text: string) => this.#perform("assert_unlinkable", () => this.#instantiate(text)),
    assert_uninstantiable: (text: string) => this.#perform("assert_uninstantiable", () => this.#instantiate(text)),
  };

  #instance(text: string, imports?: Readonly<Record<string, Exports>>): Instance {
    if (this.#inside) return this.#instantiate(text, imports);
    let instance: Instance = { missing: new NotRun("its module is not there") };
    const outcome = this.#host.outcomeOf(() => {
      try {
        instance = this.#instantiate(text, imports);
        return "instance";
      } catch (error) {
        if (error instanceof Error) instance = { missing: error };
        throw error;
      }
    });
    this.outcomes.push(`instance: ${outcome}`);
    return instance;
  }

  #instantiate(text: string, imports?: Readonly<Record<string, Exports>>): Exports {
    return this.#host.instantiate(this.#host.compile(bytesOf(text)), imports);
  }

  #compile(command: string, text: string): void {
    const outcome = this.#host.outcomeOf(() => {
      this.#host.compile(bytesOf(text));
      return "accepted";
    });
    this.outcomes.push(`${command}: ${outcome}`);
  }

  #perform(command: string, action: Action): void {
    this.#inside = true;
    this.outcomes.push(`${command}: ${this.#host.outcomeOf(() => shown(action()))}`);
    this.#inside = false;
  }
}

function present(instance: Instance): Exports {
  if (isMissing(instance)) throw instance.missing;
  return instance;
}

function valueOf(item: unknown): unknown {
  return item instanceof WebAssembly.Global ? item.value : item;
}

/** One character stands for one byte. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
