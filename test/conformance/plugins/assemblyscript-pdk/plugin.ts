// @ts-nocheck: AssemblyScript; asc is its compiler.

// On Extism's own library for AssemblyScript, @extism/as-pdk, in the manner of its README.

import { Config, Host, LogLevel, Memory, Var } from "@extism/as-pdk";

function onAbort(message: string | null, fileName: string | null, lineNumber: u32, columnNumber: u32): void {}

export function echo(): i32 {
  Host.output(Host.input());
  return 0;
}

export function count_vowels(): i32 {
  const configured = Config.get("vowels");
  const vowels: string = configured === null ? "aeiouAEIOU" : configured;
  const text = Host.inputString();
  let count = 0;
  for (let at = 0; at < text.length; at++) if (vowels.includes(text.charAt(at))) count++;
  const kept = Var.getString("total");
  const total = count + (kept === null ? 0 : I32.parseInt(kept));
  Var.set("total", Uint8Array.wrap(String.UTF8.encode(total.toString())));
  Host.outputString(`{"count":${count},"total":${total},"vowels":"${vowels}"}`);
  return 0;
}

/** Sets a variable, reads it, removes it and reads again. */
export function variables(): i32 {
  Var.set("text", Host.input());
  const kept = Var.getString("text");
  Var.remove("text");
  const removed = Var.get("text");
  Host.outputString(`${kept === null ? "none" : kept}, then ${removed === null ? "none" : "still there"}`);
  return 0;
}

/** The library takes a text's length in UTF-16 for its length in UTF-8, so what is not ASCII loses its end, or more. */
export function not_ascii(): i32 {
  Host.outputString("Zoë");
  return 0;
}

/** The way around: memory of the library's own. */
export function not_ascii_in_memory(): i32 {
  Host.outputMemory(Memory.allocateString("Zoë €"));
  return 0;
}

export function log_lines(): i32 {
  Host.log(LogLevel.Debug, "a detail");
  Host.log(LogLevel.Info, "a remark");
  Host.log(LogLevel.Warn, "a warning");
  Host.log(LogLevel.Error, "an error");
  return 0;
}

export function trap(): i32 {
  throw new Error("nobody hears this");
}
