// @ts-nocheck: AssemblyScript; asc is its compiler.

// The suite's contract (test/conformance/README.md) in AssemblyScript, on the SDK's own binding. AssemblyScript knows no WASI, so
// the one function it needs to wait is imported by hand.

import {
  config,
  fail as failWith,
  inputBytes,
  inputText,
  log,
  outputBytes,
  outputText,
  setVarText,
  varText,
} from "../../../../sdk/bindings/assemblyscript/index.ts";
import { allocBlock, loadU8 } from "../../../../sdk/bindings/assemblyscript/abi.ts";

@external("wasi_snapshot_preview1", "poll_oneoff")
declare function pollOneoff(subscriptions: usize, events: usize, count: i32, eventCount: usize): i32;

const EXCHANGE_SCAN: u64 = 256 * 1024;

let kept: string = "";
let turns: i32 = 0;

export function echo(): i32 {
  outputBytes(inputBytes());
  return 0;
}

function total(): i32 {
  const text = varText("total");
  return text === null ? 0 : I32.parseInt(text);
}

export function count_vowels(): i32 {
  const configured = config("vowels");
  const vowels: string = configured === null ? "aeiouAEIOU" : configured;
  const text = inputText();
  let count = 0;
  for (let at = 0; at < text.length; at++) if (vowels.includes(text.charAt(at))) count++;
  setVarText("total", (total() + count).toString());
  outputText('{"count":' + count.toString() + ',"total":' + total().toString() + ',"vowels":"' + vowels + '"}');
  return 0;
}

/** `{"text":"…"}` without escapes to the same characters in reverse order. */
export function reverse_json(): i32 {
  const text = inputText();
  const value = text.slice('{"text":"'.length, text.length - 2);
  let reversed = "";
  let characters = 0;
  for (let at = 0; at < value.length; at++, characters++) {
    const character = value.codePointAt(at);
    if (character > 0xffff) at++;
    reversed = String.fromCodePoint(character) + reversed;
  }
  outputText('{"text":"' + reversed + '","characters":' + characters.toString() + "}");
  return 0;
}

export function fill(): i32 {
  const bytes = new Uint8Array(I32.parseInt(inputText()));
  for (let at = 0; at < bytes.length; at++) bytes[at] = <u8>(97 + (at % 26));
  outputBytes(bytes.buffer);
  return 0;
}

export function fail(): i32 {
  return failWith("no such customer: " + inputText());
}

export function fail_with_code(): i32 {
  return 7;
}

export function trap(): i32 {
  throw new Error("the plugin cannot go on with " + inputText());
}

export function log_lines(): i32 {
  log.trace("a trace €");
  log.debug("a detail");
  log.info("a remark");
  log.warn("a warning");
  log.error("an error");
  return 0;
}

function keep(text: string): void {
  kept = text;
  setVarText("kept", text);
}

function orEmpty(text: string | null): string {
  return text === null ? "" : text;
}

function tell(text: string): i32 {
  outputText("static=[" + kept + "] var=[" + orEmpty(varText("kept")) + "] input=[" + text + "] config=[" + orEmpty(config("secret")) + "]");
  return 0;
}

export function remember(): i32 {
  const text = inputText();
  log.info(text);
  tell(text);
  keep(text);
  return 0;
}

/** Waits through `poll_oneoff` with one subscription (48 bytes; one event has 32) to the monotonic clock. */
function pause(milliseconds: i64): void {
  const subscription = changetype<usize>(new ArrayBuffer(48));
  const event = changetype<usize>(new ArrayBuffer(32));
  const count = changetype<usize>(new ArrayBuffer(4));
  store<u32>(subscription, 1, 16);
  store<u64>(subscription, milliseconds * 1000000, 24);
  pollOneoff(subscription, event, 1, count);
}

export function remember_and_wait(): i32 {
  const text = inputText();
  log.info(text);
  keep(text);
  pause(15);
  return tell(inputText());
}

/** Sleeps as many milliseconds as the input says. */
export function nap(): i32 {
  pause(I32.parseInt(inputText()));
  outputText("slept");
  return 0;
}

function descend(level: i32): i32 {
  turns = level;
  return level == -1 ? 0 : descend(level + 1) + turns;
}

export function recurse(): i32 {
  keep(inputText());
  return descend(1);
}

export function spin(): i32 {
  keep(inputText());
  while (true) turns++;
}

/** Takes memory until there is none. */
export function hoard(): i32 {
  const blocks: ArrayBuffer[] = [];
  while (true) blocks.push(new ArrayBuffer(1 << 20));
}

/** How often the input, each byte inverted, is found in this instance's memory and in the host's exchange memory. */
export function scan(): i32 {
  const wanted = Uint8Array.wrap(inputBytes());
  const planted = config("planted");
  const size = <usize>memory.size() * 65536;
  let found = 0;
  for (let at: usize = 1; at + wanted.length <= size; at++) {
    let same = 0;
    while (same < wanted.length && load<u8>(at + same) == <u8>~wanted[same]) same++;
    if (same == wanted.length) found++;
  }
  // A new block, so that what was there before would be inside the heap.
  allocBlock(EXCHANGE_SCAN);
  for (let at: u64 = 0; at < EXCHANGE_SCAN; at++) {
    let same = 0;
    while (same < wanted.length && <u8>loadU8(at + same) == <u8>~wanted[same]) same++;
    if (same == wanted.length) found++;
  }
  outputText(found.toString());
  return planted === null ? 0 : 0;
}
