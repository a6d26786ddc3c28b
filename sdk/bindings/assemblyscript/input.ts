import { inputLength, inputLoadU64, inputLoadU8 } from "./abi";
import { firstInvalidUtf8 } from "./utf8";

/** The call's input, copied; empty when there is none. */
export function inputBytes(): ArrayBuffer {
  const bytes = <usize>inputLength();
  const buffer = new ArrayBuffer(<i32>bytes);
  const pointer = changetype<usize>(buffer);
  const words = bytes & ~(<usize>7);
  let i: usize = 0;
  for (; i < words; i += 8) store<u64>(pointer + i, inputLoadU64(<u64>i));
  for (; i < bytes; i++) store<u8>(pointer + i, <u8>inputLoadU8(<u64>i));
  return buffer;
}

/** The call's input as text. Throws `input is not valid UTF-8: first wrong byte at offset n`. */
export function inputText(): string {
  const bytes = inputBytes();
  const wrong = firstInvalidUtf8(bytes);
  if (wrong >= 0) throw new Error("input is not valid UTF-8: first wrong byte at offset " + wrong.toString());
  return String.UTF8.decode(bytes);
}
