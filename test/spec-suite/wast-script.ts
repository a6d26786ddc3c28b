/** Runs a script of the text format against a host. */
import type { Assemble } from "./assemble-text.ts";
import { numericConstant, word } from "./literals.ts";
import { List, readScript, StringLiteral, type Item } from "./s-expression.ts";
import {
  isMissing,
  NotRun,
  shown,
  type CompiledModule,
  type Exports,
  type Missing,
  type ScriptHost,
} from "./script-host.ts";

const NOT_THERE: Missing = { missing: new NotRun("its module is not there") };

export function runWastScript(source: Uint8Array, host: ScriptHost, assemble: Assemble): string[] {
  const script = new WastScript(source, host, assemble);
  return readScript(source).map((command) => `${command.head}: ${host.outcomeOf(() => script.perform(command))}`);
}

class WastScript {
  readonly #source: Buffer;
  readonly #host: ScriptHost;
  readonly #assemble: Assemble;
  readonly #modules = new Map<string, CompiledModule>();
  readonly #instances = new Map<string, Exports | Missing>();
  #latest: Exports | Missing = NOT_THERE;

  constructor(source: Uint8Array, host: ScriptHost, assemble: Assemble) {
    this.#source = Buffer.from(source);
    this.#host = host;
    this.#assemble = assemble;
  }

  perform(command: List): string {
    const [, first] = command.items;
    switch (command.head) {
      case "module":
        return this.#module(command);
      case "register":
        this.#host.register(text(first), this.#instance(command.items[2]));
        return "registered";
      case "invoke":
      case "get":
        return this.#act(command);
      case "assert_return":
      case "assert_trap":
      case "assert_exhaustion":
      case "assert_exception":
        return list(first).head === "module" ? this.#create(list(first)) : this.#act(list(first));
      case "assert_invalid":
      case "assert_malformed":
      case "assert_invalid_custom":
      case "assert_malformed_custom":
        this.#host.compile(this.#bytes(list(first)));
        return "accepted";
      case "assert_unlinkable":
      case "assert_uninstantiable":
        return this.#create(list(first));
      default:
        throw new NotRun(`the command ${command.head}`);
    }
  }

  #create(module: List): string {
    this.#host.instantiate(this.#host.compile(this.#bytes(module)));
    return "instance";
  }

  #module(command: List): string {
    const names = command.items.slice(1, 4).filter((item) => typeof item === "string");
    if (names[0] === "definition") {
      this.#modules.set(nameIn(names) ?? "", this.#host.compile(this.#bytes(command)));
      return "module";
    }
    const isInstance = names[0] === "instance";
    const name = nameIn(names);
    try {
      const module = isInstance ? this.#defined(names.at(-1)) : this.#host.compile(this.#bytes(command));
      if (name !== undefined && !isInstance) this.#modules.set(name, module);
      this.#keep(name, this.#host.instantiate(module));
      return "instance";
    } catch (error) {
      this.#keep(name, error instanceof Error ? { missing: error } : NOT_THERE);
      throw error;
    }
  }

  #keep(name: string | undefined, instance: Exports | Missing): void {
    this.#latest = instance;
    if (name !== undefined) this.#instances.set(name, instance);
  }

  #defined(name: string | undefined): CompiledModule {
    const module = this.#modules.get(name?.startsWith("$") === true ? name : "");
    if (module === undefined) throw NOT_THERE.missing;
    return module;
  }

  #instance(name: Item | undefined): Exports | Missing {
    return typeof name === "string" ? (this.#instances.get(name) ?? NOT_THERE) : this.#latest;
  }

  /** Binary of `(module …)`, `(module binary "…")` or `(module quote "…")`. */
  #bytes(module: List): Uint8Array {
    const parts = module.items.filter((item) => item instanceof StringLiteral);
    const isBinary = module.items.slice(1, 4).includes("binary");
    if (isBinary) return Buffer.concat(parts.map((part) => part.bytes));
    if (module.items.slice(1, 4).includes("quote")) {
      const quoted = parts.map((part) => part.text).join(" ");
      return this.#assemble(/^\s*\(\s*module/.test(quoted) ? quoted : `(module ${quoted})`);
    }
    const source = this.#source.toString("utf8", module.start, module.end);
    return this.#assemble(source.replace(/^\(module\s+definition/, "(module"));
  }

  #act(action: List): string {
    const named = typeof action.items[1] === "string";
    const exports = this.#instance(named ? action.items[1] : undefined);
    if (isMissing(exports)) throw exports.missing;
    const name = text(action.items[named ? 2 : 1]);
    if (action.head === "get") return shown((exports[name] as WebAssembly.Global).value);
    const values = action.items.slice(named ? 3 : 2).map(list);
    return this.#host.invoke(
      exports,
      name,
      values.map((value) => this.#value(value)),
    );
  }

  #value(constant: List): unknown {
    const [, first] = constant.items;
    if (constant.head === "ref.null") return null;
    if (constant.head === "ref.extern" || constant.head === "ref.host") return this.#host.reference(word(first ?? ""));
    return numericConstant(constant);
  }
}

function list(item: Item | undefined): List {
  if (!(item instanceof List)) throw new NotRun("a list is expected");
  return item;
}

function text(item: Item | undefined): string {
  if (!(item instanceof StringLiteral)) throw new NotRun("a string is expected");
  return item.text;
}

function nameIn(words: readonly string[]): string | undefined {
  return words.find((candidate) => candidate.startsWith("$"));
}
