;; Features that came after the first version of WebAssembly, and that today's compilers use. Each answers with a digit.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (type $question (func (result i32)))
  (memory $main (export "memory") 1)
  (memory $second 1)
  (table $questions 4 funcref)
  (elem $declared funcref (ref.func $seven) (ref.func $three))
  (global $base i32 (i32.const 1000))
  (global $place i32 (i32.add (i32.const 1000) (i32.const 24)))
  (tag $failure (param i32))
  (data $passive "12345678")

  (func $digit (param $value i32) (result i32)
    (local $block i64)
    (local.set $block (call $alloc (i64.const 1)))
    (call $store_u8 (local.get $block) (i32.add (i32.const 48) (local.get $value)))
    (call $output_set (local.get $block) (i64.const 1))
    (i32.const 0))
  (func $seven (type $question) (i32.const 7))
  (func $three (type $question) (i32.const 3))
  ;; One where no input is given, so that nothing can be computed in advance.
  (func $one (result i32) (i32.add (i32.wrap_i64 (call $input_length)) (i32.const 1)))

  (func (export "sign_extension") (result i32)
    (call $digit (i32.add (i32.extend8_s (i32.mul (call $one) (i32.const 255))) (i32.const 5))))
  (func (export "saturation") (result i32)
    (call $digit
      (i32.add
        (i32.trunc_sat_f32_u (f32.neg (f32.convert_i32_s (call $one))))
        (i32.trunc_sat_f32_s (f32.div (f32.convert_i32_s (call $one)) (f32.const 0.25))))))

  (func $two_values (param $value i32) (result i32 i32)
    (tuple.make 2 (local.get $value) (i32.const 5)))
  (func (export "multiple_values") (result i32)
    (local $pair (tuple i32 i32))
    (local.set $pair (call $two_values (call $one)))
    (call $digit (i32.add (tuple.extract 2 0 (local.get $pair)) (tuple.extract 2 1 (local.get $pair)))))

  (func (export "bulk_memory") (result i32)
    (memory.init $main $passive (i32.const 64) (i32.const 0) (i32.const 8))
    (memory.copy $main $main (i32.const 128) (i32.const 64) (i32.const 8))
    (memory.fill $main (i32.const 128) (i32.const 2) (i32.const 3))
    (data.drop $passive)
    (call $digit
      (i32.add (i32.load8_u $main (i32.const 130)) (i32.sub (i32.load8_u $main (i32.const 131)) (i32.const 48)))))
  (func (export "second_memory") (result i32)
    (drop (memory.grow $second (call $one)))
    (i32.store $second (i32.const 65540) (i32.const 8))
    (memory.copy $main $second (i32.const 0) (i32.const 65540) (i32.const 4))
    (call $digit (i32.add (i32.load $main (i32.const 0)) (i32.load $main (i32.const 65532)))))

  (func (export "reference_types") (result i32)
    (table.init $questions $declared (i32.const 1) (i32.const 0) (i32.const 2))
    (table.set $questions (i32.const 3) (table.get $questions (call $one)))
    (drop (table.grow $questions (ref.null func) (i32.const 2)))
    (call $digit
      (i32.sub
        (call_indirect $questions (type $question) (i32.const 3))
        (i32.add
          (ref.is_null (table.get $questions (i32.const 5)))
          (i32.eqz (ref.is_null (table.get $questions (i32.const 1))))))))
  (func (export "constant_expression") (result i32)
    (call $digit (i32.sub (global.get $place) (i32.add (global.get $base) (i32.const 18)))))

  (func $count_down (param $left i32) (param $odd i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (local.get $odd))))
    (return_call $count_down
      (i32.sub (local.get $left) (call $one)) (i32.xor (local.get $odd) (i32.const 1))))
  ;; Far deeper than calls may be nested.
  (func (export "tail_calls") (result i32) (call $digit (call $count_down (i32.const 300001) (i32.const 0))))

  (func (export "vectors") (result i32)
    (call $digit
      (i32x4.extract_lane 2
        (i32x4.add
          (i32x4.splat (call $one))
          (i8x16.shuffle 0 1 2 3 4 5 6 7 4 5 6 7 12 13 14 15
            (v128.const i32x4 1 4 3 5)
            (v128.const i32x4 0 0 0 0))))))

  (func $throw_if (param $value i32) (result i32)
    (if (i32.eq (local.get $value) (i32.const 1)) (then (throw $failure (i32.const 6))))
    (local.get $value))
  (func (export "exceptions") (result i32)
    (call $digit
      (block $caught (result i32)
        (try_table (result i32) (catch $failure $caught) (call $throw_if (call $one))))))
  (func (export "exception_beside_waiting") (result i32)
    ;; One subscription at address 0: a clock, 1 ms from now.
    (i32.store $main (i32.const 16) (i32.const 1))
    (i64.store $main (i32.const 24) (i64.const 1000000))
    (call $digit
      (block $caught (result i32)
        (try_table (result i32) (catch $failure $caught)
          (drop (call $poll_oneoff (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256)))
          (call $throw_if (call $one))))))
  (func (export "exception_at_large") (result i32) (call $digit (call $throw_if (call $one)))))
