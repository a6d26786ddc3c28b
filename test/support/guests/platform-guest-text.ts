import { USER_FUNCTIONS } from "../../../sdk/contract/user-functions.ts";

/**
 * A plugin that calls every function of the platform: for each, an export of that name answers the answer's JSON, and one with
 * `_body` the bytes that came with it. Its input is the length of the request (4 bytes, little-endian), the request, the body.
 */
export function platformGuest(): string {
  const names = Object.keys(USER_FUNCTIONS);
  const imports = names.map(
    (name) => `(import "extism:host/user" "${name}" (func $${name} (param i64 i64) (result i64)))`,
  );
  const exported = names.map(
    (name) => `
  (func (export "${name}") (result i32) (call $answer (call $${name} (call $request) (call $body))))
  (func (export "${name}_body") (result i32)
    (drop (call $${name} (call $request) (call $body)))
    (call $answer (call $call_body)))
  (func (export "${name}_or_fail") (result i32)
    (call $error_set (call $${name} (call $request) (call $body)))
    (i32.const 1))`,
  );
  return `(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/user" "call_body" (func $call_body (result i64)))
  ${imports.join("\n  ")}
  (memory (export "memory") 1)

  ;; Bytes of the input, from one place to another, in a new block.
  (func $take (param $at i64) (param $end i64) (result i64)
    (local $handle i64) (local $start i64)
    (local.set $start (local.get $at))
    (local.set $handle (call $alloc (i64.sub (local.get $end) (local.get $at))))
    (loop $next
      (if (i64.lt_u (local.get $at) (local.get $end))
        (then
          (call $store_u8
            (i64.add (local.get $handle) (i64.sub (local.get $at) (local.get $start)))
            (call $input_load_u8 (local.get $at)))
          (local.set $at (i64.add (local.get $at) (i64.const 1)))
          (br $next))))
    (local.get $handle))

  (func $byte (param $at i64) (result i64) (i64.extend_i32_u (call $input_load_u8 (local.get $at))))

  ;; Where the request ends.
  (func $middle (result i64)
    (i64.add (i64.const 4)
      (i64.or
        (i64.or (call $byte (i64.const 0)) (i64.shl (call $byte (i64.const 1)) (i64.const 8)))
        (i64.or
          (i64.shl (call $byte (i64.const 2)) (i64.const 16))
          (i64.shl (call $byte (i64.const 3)) (i64.const 24))))))

  (func $request (result i64) (call $take (i64.const 4) (call $middle)))
  (func $body (result i64) (call $take (call $middle) (call $input_length)))

  (func $answer (param $handle i64) (result i32)
    (call $output_set (local.get $handle) (call $length (local.get $handle)))
    (i32.const 0))
${exported.join("\n")})
`;
}
