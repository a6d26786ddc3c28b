/** Every feature that is carried: a program with the export "f", what it is called with, and what it answers. */
export const PROGRAMS: readonly (readonly [
  name: string,
  source: string,
  values: readonly unknown[],
  answer: unknown,
])[] = [
  [
    "recursion",
    `(func $fib (export "f") (param i32) (result i32)
      (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                       (call $fib (i32.sub (local.get 0) (i32.const 2)))))))`,
    [15],
    610,
  ],
  [
    "locals of several types that change their number",
    `(func (export "f") (param i32) (result f64) (local $a i64) (local $b f32) (local $c f64) (local $d i32)
      (local.set $a (i64.const 3)) (local.set $b (f32.const 0.5)) (local.set $d (local.get 0))
      (local.set $c (f64.add (f64.convert_i64_s (local.get $a)) (f64.promote_f32 (local.tee $b (local.get $b)))))
      (loop $l (local.set $c (f64.mul (local.get $c) (f64.const 2)))
        (br_if $l (local.tee $d (i32.sub (local.get $d) (i32.const 1)))))
      (local.get $c))`,
    [3],
    28,
  ],
  [
    "br, br_if and br_table to the function",
    `(func (export "f") (param i32) (result i32)
      (block (result i32) (block (result i32) (block (result i32)
        (drop (br_if 3 (i32.const 100) (i32.eq (local.get 0) (i32.const 9))))
        (if (i32.eq (local.get 0) (i32.const 7)) (then (br 4 (i32.const 70))))
        (br_table 0 1 2 3 (i32.add (local.get 0) (i32.const 1000)) (local.get 0)))
        (return (i32.add (i32.const 10)))) (return (i32.add (i32.const 20)))) (i32.add (i32.const 30)))`,
    [2],
    1032,
  ],
  [
    "a br_table that leaves the function with two values",
    `(func $g (param i32) (result i32 i64) 
      (block (result i32 i64) (i32.const 1) (i64.const 2) (local.get 0) (br_table 0 1))
      (drop) (drop) (i32.const 3) (i64.const 4))
     (func (export "f") (param i32) (result i64) (local i32)
      (call $g (local.get 0)) (local.set 1 (i32.wrap_i64)) (local.set 0) (i64.extend_i32_s
        (i32.add (local.get 0) (local.get 1))))`,
    [1],
    3n,
  ],
  [
    "multi-value blocks, loops and ifs",
    `(func (export "f") (param i32) (result i32)
      (i32.const 1) (local.get 0)
      (loop $l (param i32 i32) (result i32)
        (local.set 0) (i32.const 2) (i32.mul) (local.get 0) (i32.const 1) (i32.sub) (local.set 0)
        (if (param i32) (result i32) (local.get 0) (then (local.get 0) (br $l)) (else))))`,
    [5],
    32,
  ],
  [
    "nested ifs without else, unreachable code behind br",
    `(func (export "f") (param i32) (result i32)
      (block $out (if (local.get 0) (then (if (i32.gt_u (local.get 0) (i32.const 3)) (then (br $out) (local.set 0) (drop)))
        (return (i32.add (local.get 0) (i32.const 20)))))) (i32.const 5))`,
    [2],
    22,
  ],
  [
    "call_indirect through a private table with an import in it",
    `(import "env" "twice" (func $twice (param i32) (result i32)))
     (type $t (func (param i32) (result i32))) (table 3 funcref) (elem (i32.const 0) $one $twice $two)
     (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
     (func $two (param i32) (result i32) (call $one (call $one (local.get 0))))
     (func (export "f") (param i32) (result i32)
      (call_indirect (type $t) (call_indirect (type $t) (call_indirect (type $t) (local.get 0)
        (i32.const 0)) (i32.const 1)) (i32.const 2)))`,
    [10],
    24,
  ],
  [
    "call_indirect through an exported table with an import in it",
    `(import "env" "twice" (func $twice (param i32) (result i32)))
     (type $t (func (param i32) (result i32))) (table (export "table") 3 funcref) (elem (i32.const 0) $one $twice)
     (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
     (func (export "f") (param i32) (result i32)
      (call_indirect (type $t) (call_indirect (type $t) (local.get 0) (i32.const 0)) (i32.const 1)))`,
    [10],
    22,
  ],
  [
    "ref.func, table.set, table.get, table.grow, table.fill and select of references",
    `(type $t (func (result i32))) (table 4 funcref) (elem declare func $seven)
     (func $seven (result i32) (i32.const 7))
     (func (export "f") (param i32) (result i32)
      (table.set 0 (i32.const 1) (ref.func $seven))
      (table.set 0 (i32.const 2) (select (result funcref) (ref.null func) (table.get 0 (i32.const 1)) (i32.const 0)))
      (drop (table.grow 0 (ref.func $seven) (local.get 0)))
      (table.fill 0 (i32.const 3) (ref.func $seven) (i32.const 1))
      (i32.add (i32.add (call_indirect (type $t) (i32.const 2)) (call_indirect (type $t) (i32.const 4)))
        (i32.add (table.size 0) (call_indirect (type $t) (i32.const 3)))))`,
    [2],
    27,
  ],
  [
    "passive elements, table.init, table.copy, elem.drop",
    `(type $t (func (result i32))) (table 6 funcref) (elem $e func $a $b)
     (func $a (result i32) (i32.const 3)) (func $b (result i32) (i32.const 4))
     (func (export "f") (result i32)
      (table.init $e (i32.const 0) (i32.const 0) (i32.const 2)) (elem.drop $e)
      (table.copy (i32.const 3) (i32.const 1) (i32.const 1))
      (i32.add (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 3))))`,
    [],
    7,
  ],
  [
    "memory.init, memory.copy, memory.fill, data.drop",
    `(memory 1) (data $d "\\01\\02\\03\\04")
     (func (export "f") (result i32)
      (memory.init $d (i32.const 8) (i32.const 0) (i32.const 4)) (data.drop $d)
      (memory.copy (i32.const 16) (i32.const 8) (i32.const 4)) (memory.fill (i32.const 17) (i32.const 9) (i32.const 1))
      (i32.load (i32.const 16)))`,
    [],
    0x04030901,
  ],
  [
    "two memories",
    `(memory $a 1) (memory $b 1)
     (func (export "f") (param i32) (result i32)
      (i32.store $a (i32.const 0) (local.get 0)) (memory.copy $b $a (i32.const 4) (i32.const 0) (i32.const 4))
      (memory.fill $b (i32.const 5) (i32.const 1) (i32.const 1))
      (i32.add (i32.load $b (i32.const 4)) (memory.grow $b (i32.const 1))))`,
    [5],
    262,
  ],
  [
    "sign extension and saturating conversion",
    `(func (export "f") (param f64) (result i32) (i32.extend8_s (i32.trunc_sat_f64_s (local.get 0))))`,
    [255.5],
    -1,
  ],
  [
    "SIMD",
    `(memory 1) (func (export "f") (param i32) (result i32)
      (v128.store (i32.const 0) (i32x4.splat (local.get 0)))
      (v128.store32_lane 1 (i32.const 4) (v128.const i32x4 1 2 3 4))
      (i32x4.extract_lane 1 (i8x16.shuffle 4 5 6 7 0 1 2 3 8 9 10 11 12 13 14 15
        (v128.load (i32.const 0)) (v128.load32_zero (i32.const 0)))))`,
    [6],
    6,
  ],
  [
    "tail calls",
    `(func $even (param i32 i64) (result i64)
      (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
      (return_call $odd (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 1))))
     (func $odd (param i32 i64) (result i64)
      (if (i32.eqz (local.get 0)) (then (return (i64.const -1))))
      (return_call $even (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 1))))
     (func (export "f") (param i32) (result i64) (return_call $even (local.get 0) (i64.const 0)))`,
    [100_000],
    100_000n,
  ],
  [
    "tail calls of an import and of a small function",
    `(import "env" "twice" (func $twice (param i32) (result i32)))
     (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
     (func $a (param i32) (result i32) (return_call $one (local.get 0)))
     (func $b (param i32) (result i32) (return_call $twice (local.get 0)))
     (func (export "f") (param i32) (result i32) (call $a (call $b (local.get 0))))`,
    [4],
    9,
  ],
  [
    "return_call_indirect through a private table",
    `(type $t (func (param i32 i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $loop)
     (func $loop (param i32 i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
      (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 2))
        (i32.const 0)))
     (func (export "f") (param i32) (result i32) (call $loop (local.get 0) (i32.const 0)))`,
    [50_000],
    100_000,
  ],
  [
    "return_call_indirect through an exported table",
    `(type $t (func (param i32 i32) (result i32))) (table (export "table") 1 funcref) (elem (i32.const 0) $loop)
     (func $loop (param i32 i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
      (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 2))
        (i32.const 0)))
     (func (export "f") (param i32) (result i32) (call $loop (local.get 0) (i32.const 0)))`,
    [50_000],
    100_000,
  ],
  [
    "extended constants, and globals",
    `(global $g (mut i32) (i32.sub (i32.mul (i32.const 6) (i32.const 7)) (i32.const 2)))
     (func (export "f") (param i32) (result i32)
      (global.set $g (i32.add (global.get $g) (local.get 0))) (global.get $g))`,
    [2],
    42,
  ],
  [
    "legacy exceptions: throw, catch, catch_all, rethrow, delegate",
    `(tag $e (param i32))
     (func $thrower (param i32) (if (local.get 0) (then (throw $e (local.get 0)))))
     (func (export "f") (param i32) (result i32) (local i32)
      (try (do (try (do (call $thrower (i32.const 0)) (call $thrower (local.get 0)) (local.set 1 (i32.const 1000)))
          (catch $e (local.set 1) (try (do (rethrow 1)) (delegate 1)))))
        (catch_all (local.set 1 (i32.add (local.get 1) (i32.const 100)))))
      (local.get 1))`,
    [7],
    107,
  ],
  [
    "an exception through three frames, with a loop around it",
    `(tag $e (param i64))
     (func $deep (param i64) (throw $e (local.get 0))) (func $middle (param i64) (call $deep (local.get 0)))
     (func (export "f") (param i32) (result i64) (local i64)
      (loop $l (local.set 1 (i64.add (local.get 1)
          (try (result i64) (do (call $middle (i64.const 3)) (i64.const 50)) (catch $e))))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))`,
    [4],
    12n,
  ],
  [
    "try_table whose handler is reached by branches as well",
    `(tag $e (param i32)) (func $thrower (param i32) (if (local.get 0) (then (throw $e (local.get 0)))))
     (func (export "f") (param i32) (result i32) (local i32)
      (loop $l
        (local.set 1 (i32.add (local.get 1) (block $h (result i32)
          (drop (br_if $h (i32.const 1000) (i32.eq (local.get 0) (i32.const 3))))
          (try_table (catch $e $h) (call $thrower (i32.and (local.get 0) (i32.const 1))) (br $h (i32.const 100)))
          (unreachable))))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 1))`,
    [5],
    1 + 100 + 1000 + 100 + 1,
  ],
  [
    "try_table with references to exceptions, throw_ref, and a handler that is the function itself",
    `(tag $e (param i32)) (func $deep (param i32) (throw $e (local.get 0)))
     (func $again (param i32) (result i32)
      (block $h (result i32 exnref) (try_table (catch_ref $e $h) (call $deep (local.get 0))) (return (i32.const -1)))
      (throw_ref))
     (func (export "f") (param i32) (result i32) (try_table (catch $e 0) (drop (call $again (local.get 0)))) (i32.const -2))`,
    [6],
    6,
  ],
];

export const IMPORTS = { env: { twice: (value: number): number => 2 * value } };
