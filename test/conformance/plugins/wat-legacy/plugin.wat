;; A plugin from before Extism 1.0: the host's functions are in "env", with a prefix.
(module
  (import "env" "extism_alloc" (func $alloc (param i64) (result i64)))
  (import "env" "extism_length" (func $length (param i64) (result i64)))
  (import "env" "extism_store_u8" (func $store_u8 (param i64 i32)))
  (import "env" "extism_input_length" (func $input_length (result i64)))
  (import "env" "extism_input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "env" "extism_output_set" (func $output_set (param i64 i64)))
  (import "env" "extism_error_set" (func $error_set (param i64)))
  (import "env" "extism_config_get" (func $config_get (param i64) (result i64)))
  (import "env" "extism_var_set" (func $var_set (param i64 i64)))
  (import "env" "extism_var_get" (func $var_get (param i64) (result i64)))
  (import "env" "extism_log_info" (func $log_info (param i64)))
  (memory (export "memory") 1)

  ;; A block with what was put in.
  (func $input (result i64)
    (local $block i64) (local $at i64)
    (local.set $block (call $alloc (call $input_length)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $at) (call $input_length)))
        (call $store_u8 (i64.add (local.get $block) (local.get $at)) (call $input_load_u8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $next)))
    (local.get $block))
  (func $output_block (param $block i64) (call $output_set (local.get $block) (call $length (local.get $block))))

  (func (export "echo") (result i32) (call $output_block (call $input)) (i32.const 0))
  (func (export "configured") (result i32) (call $output_block (call $config_get (call $input))) (i32.const 0))
  (func (export "kept") (result i32)
    (call $var_set (call $input) (call $input))
    (call $output_block (call $var_get (call $input)))
    (i32.const 0))
  (func (export "log") (result i32) (call $log_info (call $input)) (i32.const 0))
  (func (export "fail") (result i32) (call $error_set (call $input)) (i32.const 1)))
