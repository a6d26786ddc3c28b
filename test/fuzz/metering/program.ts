/**
 * Random programs that exist twice: as WebAssembly text, and as an interpreter that counts one instruction after the
 * other. The rewriter counts whole regions in advance; both must come to the same number.
 */
import { COSTS, entryCost, IMPORT_CALL_COST, LOOP_COST } from "../../../worker/execution/metering/costs.ts";
import { Op } from "../../../worker/execution/metering/opcodes.ts";
import type { Random } from "./random.ts";

/** State of the interpreter. */
export interface Machine {
  fuel: number;
  /** Instructions left before a program is given up as too long. */
  patience: number;
  readonly memory: Int32Array;
  readonly notes: number[];
}

export class TooLong extends Error {}

interface Frame {
  readonly machine: Machine;
  readonly locals: Int32Array;
}

/** Where a statement went on: null for the next one, else a label that was branched to. */
type Target = object | null;

interface Expression {
  readonly text: string;
  readonly value: (frame: Frame) => number;
}

interface Statement {
  readonly text: string;
  readonly run: (frame: Frame) => Target;
}

interface RandomFunction {
  readonly text: string;
  readonly parameters: number;
  readonly call: (machine: Machine, values: readonly number[]) => number;
}

interface Label {
  readonly name: string;
  readonly target: object;
}

function pay({ machine }: Frame, opcode: number): void {
  machine.fuel += COSTS[opcode] ?? 0;
  if (--machine.patience < 0) throw new TooLong("the program runs too long");
}

const BINARY: readonly (readonly [text: string, opcode: number, apply: (left: number, right: number) => number])[] = [
  ["i32.add", 0x6a, (left, right) => left + right],
  ["i32.sub", 0x6b, (left, right) => left - right],
  ["i32.mul", 0x6c, (left, right) => Math.imul(left, right)],
  ["i32.and", 0x71, (left, right) => left & right],
  ["i32.xor", 0x73, (left, right) => left ^ right],
  ["i32.shl", 0x74, (left, right) => left << right],
  ["i32.lt_s", 0x48, (left, right) => (left < right ? 1 : 0)],
];
const MEMORY_MASK = 0xfc;
const COUNTERS = 3;

/** Writes one function; counters of loops are locals of their own, so that every loop ends. */
class FunctionBuilder {
  readonly #random: Random;
  readonly #callees: readonly RandomFunction[];
  readonly #index: number;
  readonly #parameters: number;
  readonly #variables: number;
  readonly #labels: Label[] = [];
  readonly #end = {};
  #names = 0;
  #loops = 0;

  constructor(random: Random, callees: readonly RandomFunction[]) {
    this.#random = random;
    this.#callees = callees;
    this.#index = callees.length;
    this.#parameters = random.below(4);
    this.#variables = this.#parameters + random.below(4);
  }

  build(): RandomFunction {
    const body = this.#block(3);
    const result = this.#expression(2);
    const declared = this.#variables - this.#parameters + COUNTERS;
    const parameters = this.#parameters;
    const total = this.#variables + COUNTERS;
    const head = `(func $f${this.#index} (export "f${this.#index}") (param ${"i32 ".repeat(parameters)}) (result i32)`;
    return {
      text: `${head} (local ${"i32 ".repeat(declared)}) ${body.text} ${result.text})`,
      parameters,
      call: (machine, values) => {
        const frame = { machine, locals: new Int32Array(total + 1) };
        frame.locals.set(values);
        machine.fuel += entryCost(parameters, declared);
        return body.run(frame) === null ? result.value(frame) : (frame.locals[total] ?? 0);
      },
    };
  }

  #expression(depth: number): Expression {
    const kind = depth === 0 ? this.#random.below(2) : this.#random.below(8);
    if (kind === 0 || (kind === 1 && this.#variables === 0)) return this.#constant();
    if (kind === 1) return this.#variable();
    if (kind <= 4) return this.#binary(depth - 1);
    if (kind === 5) return this.#load(depth - 1);
    if (kind === 6 && this.#callees.length > 0) return this.#call(depth - 1);
    return this.#choice(depth - 1);
  }

  #constant(): Expression {
    const value = this.#random.below(200) - 50;
    return {
      text: `(i32.const ${value})`,
      value(frame) {
        pay(frame, Op.i32Const);
        return value;
      },
    };
  }

  #variable(): Expression {
    const index = this.#random.below(this.#variables);
    return {
      text: `(local.get ${index})`,
      value(frame) {
        pay(frame, Op.localGet);
        return frame.locals[index] ?? 0;
      },
    };
  }

  #binary(depth: number): Expression {
    const [text, opcode, apply] = this.#random.pick(BINARY);
    const [left, right] = [this.#expression(depth), this.#expression(depth)];
    return {
      text: `(${text} ${left.text} ${right.text})`,
      value(frame) {
        const values = [left.value(frame), right.value(frame)] as const;
        pay(frame, opcode);
        return apply(...values) | 0;
      },
    };
  }

  #address(depth: number): Expression {
    const inner = this.#expression(depth);
    return {
      text: `(i32.and ${inner.text} (i32.const ${MEMORY_MASK}))`,
      value(frame) {
        const address = inner.value(frame) & MEMORY_MASK;
        pay(frame, Op.i32Const);
        pay(frame, 0x71);
        return address;
      },
    };
  }

  #load(depth: number): Expression {
    const address = this.#address(depth);
    return {
      text: `(i32.load ${address.text})`,
      value(frame) {
        const at = address.value(frame);
        pay(frame, 0x28);
        return frame.machine.memory[at / 4] ?? 0;
      },
    };
  }

  #call(depth: number): Expression {
    const callee = this.#random.pick(this.#callees);
    const values = Array.from({ length: callee.parameters }, () => this.#expression(depth));
    const name = `$f${this.#callees.indexOf(callee)}`;
    return {
      text: `(call ${name} ${values.map(({ text }) => text).join(" ")})`,
      value(frame) {
        const given = values.map((argument) => argument.value(frame));
        pay(frame, Op.call);
        return callee.call(frame.machine, given);
      },
    };
  }

  #choice(depth: number): Expression {
    const [condition, yes, no] = [this.#expression(depth), this.#expression(depth), this.#expression(depth)];
    return {
      text: `(if (result i32) ${condition.text} (then ${yes.text}) (else ${no.text}))`,
      value(frame) {
        const chosen = condition.value(frame);
        pay(frame, Op.if);
        return chosen === 0 ? no.value(frame) : yes.value(frame);
      },
    };
  }

  #block(depth: number): Statement {
    const statements = Array.from({ length: 1 + this.#random.below(4) }, () => this.#statement(depth));
    return {
      text: statements.map(({ text }) => text).join(" "),
      run(frame) {
        for (const statement of statements) {
          const target = statement.run(frame);
          if (target !== null) return target;
        }
        return null;
      },
    };
  }

  #statement(depth: number): Statement {
    const kind = this.#random.below(depth === 0 ? 4 : 10);
    if (kind === 0) return this.#variables > 0 ? this.#set() : this.#note();
    if (kind === 1) return this.#store();
    if (kind === 2) return this.#note();
    if (kind === 3) return this.#branch();
    if (kind <= 5) return this.#condition(depth - 1);
    if (kind === 6) return this.#labelled(depth - 1);
    if (kind === 7) return this.#return();
    if (kind === 8) return this.#table(depth - 1);
    return this.#loop(depth - 1);
  }

  #set(): Statement {
    const index = this.#random.below(this.#variables);
    const value = this.#expression(2);
    return {
      text: `(local.set ${index} ${value.text})`,
      run(frame) {
        frame.locals[index] = value.value(frame);
        pay(frame, Op.localSet);
        return null;
      },
    };
  }

  #store(): Statement {
    const [address, value] = [this.#address(1), this.#expression(2)];
    return {
      text: `(i32.store ${address.text} ${value.text})`,
      run(frame) {
        const at = address.value(frame);
        const stored = value.value(frame);
        pay(frame, 0x36);
        frame.machine.memory[at / 4] = stored;
        return null;
      },
    };
  }

  #note(): Statement {
    const value = this.#expression(1);
    return {
      text: `(call $note ${value.text})`,
      run(frame) {
        const noted = value.value(frame);
        pay(frame, Op.call);
        frame.machine.fuel += IMPORT_CALL_COST;
        frame.machine.notes.push(noted);
        return null;
      },
    };
  }

  /** A conditional branch to any label around, loops included. */
  #branch(): Statement {
    if (this.#labels.length === 0) return this.#note();
    const { name, target } = this.#random.pick(this.#labels);
    const condition = this.#expression(1);
    return {
      text: `(br_if ${name} ${condition.text})`,
      run(frame) {
        const taken = condition.value(frame) !== 0;
        pay(frame, Op.brIf);
        return taken ? target : null;
      },
    };
  }

  #condition(depth: number): Statement {
    const [condition, yes] = [this.#expression(1), this.#block(depth)];
    const no = this.#random.below(2) === 0 ? this.#block(depth) : null;
    return {
      text: `(if ${condition.text} (then ${yes.text}) ${no === null ? "" : `(else ${no.text})`})`,
      run(frame) {
        const chosen = condition.value(frame);
        pay(frame, Op.if);
        if (chosen !== 0) return yes.run(frame);
        return no === null ? null : no.run(frame);
      },
    };
  }

  #inside<T>(build: (label: Label) => T): T {
    const label = { name: `$l${this.#names++}`, target: {} };
    this.#labels.push(label);
    const built = build(label);
    this.#labels.pop();
    return built;
  }

  #labelled(depth: number): Statement {
    return this.#inside(({ name, target }) => {
      const body = this.#block(depth);
      return {
        text: `(block ${name} ${body.text})`,
        run(frame) {
          const reached = body.run(frame);
          return reached === target ? null : reached;
        },
      };
    });
  }

  #return(): Statement {
    const [condition, value] = [this.#expression(1), this.#expression(1)];
    const end = this.#end;
    return {
      text: `(if ${condition.text} (then (return ${value.text})))`,
      run(frame) {
        const chosen = condition.value(frame);
        pay(frame, Op.if);
        if (chosen === 0) return null;
        frame.locals[frame.locals.length - 1] = value.value(frame);
        pay(frame, Op.return);
        return end;
      },
    };
  }

  /** A br_table to any labels around, at least the block it stands in. */
  #table(depth: number): Statement {
    return this.#inside((own) => {
      const before = this.#block(depth);
      const labels = [own, ...Array.from({ length: this.#random.below(3) }, () => this.#random.pick(this.#labels))];
      const index = this.#expression(1);
      return {
        text: `(block ${own.name} ${before.text} (br_table ${labels.map(({ name }) => name).join(" ")} ${index.text}))`,
        run(frame) {
          const left = before.run(frame);
          if (left !== null) return left === own.target ? null : left;
          const chosen = index.value(frame) >>> 0;
          pay(frame, Op.brTable);
          const target = (labels[chosen] ?? labels.at(-1))?.target ?? own.target;
          return target === own.target ? null : target;
        },
      };
    });
  }

  /** A loop of up to four rounds; a branch to its label goes on with the next round. */
  #loop(depth: number): Statement {
    if (this.#loops >= COUNTERS) return this.#note();
    const counter = this.#variables + this.#loops++;
    const rounds = this.#random.below(5);
    return this.#inside((out) =>
      this.#inside((again) => {
        const body = this.#block(depth);
        const text = `(local.set ${counter} (i32.const ${rounds})) (block ${out.name} (loop ${again.name}
          (br_if ${out.name} (i32.eqz (local.get ${counter})))
          (local.set ${counter} (i32.sub (local.get ${counter}) (i32.const 1))) ${body.text} (br ${again.name})))`;
        return { text, run: (frame) => runLoop(frame, counter, rounds, body, out.target, again.target) };
      }),
    );
  }
}

function runLoop(frame: Frame, counter: number, rounds: number, body: Statement, out: object, again: object): Target {
  pay(frame, Op.i32Const);
  pay(frame, Op.localSet);
  frame.locals[counter] = rounds;
  for (;;) {
    frame.machine.fuel += LOOP_COST;
    for (const opcode of [Op.localGet, 0x45, Op.brIf]) pay(frame, opcode);
    if (frame.locals[counter] === 0) return null;
    for (const opcode of [Op.localGet, Op.i32Const, Op.i32Sub, Op.localSet]) pay(frame, opcode);
    frame.locals[counter] = (frame.locals[counter] ?? 0) - 1;
    const target = body.run(frame);
    if (target === out) return null;
    if (target === null) pay(frame, Op.br);
    else if (target !== again) return target;
  }
}

/** A module of several functions, each calling only those before it. */
export function randomProgram(random: Random): { text: string; functions: readonly RandomFunction[] } {
  const functions: RandomFunction[] = [];
  for (let count = 2 + random.below(5); count > 0; count--)
    functions.push(new FunctionBuilder(random, functions).build());
  const text = `(module (import "env" "note" (func $note (param i32))) (memory (export "memory") 1)
    ${functions.map((entry) => entry.text).join("\n")})`;
  return { text, functions };
}
