;; The exchange memory between the host and one plugin call: an allocator, the input, the output and the error.
;; Implements the kernel half of the Extism host ABI (sdk/contract/extism-abi.ts, KERNEL_FUNCTIONS) and what the host
;; needs beside it. One instance serves one call at a time; `reset` between calls leaves nothing of the last one.
;;
;; Every operation takes a bounded number of steps, whatever the guest allocated before: there are no lists to walk.
;; The one exception is memory.grow, of which a call can cause at most the kernel memory limit in total.
;;
;; Layout                                     who may touch it
;;        0   free list heads, 4 B per class  kernel
;;     1280   non-empty classes, 1 bit each   kernel
;;     2048   heap, granules of 16 B          guest, through load and store
;;
;; A block is a header of 8 B and its data. The header of a live block: length (26 bits), size class (9), and a tag made from
;; its own address (29); of a dead block: the next one of its list, with tag 0. Blocks never split or join, so a header stays
;; where it is, and an address inside a block passes for a handle only where the data there equals the tag.
;;
;; The guest can reach headers by storing below a handle, and so forge one. It harms only itself: what is read from a header
;; is clamped to the heap before it is used, and a link that does not name a dead block inside the heap ends its list.
;;
;; Size classes: 1 to 31 granules exactly, then 16 classes for each doubling, so that rounding wastes less than 1/16.
(module
  ;; Maximum: the largest kernel memory of sdk/contract/limits.ts (32 MiB) and a page for the kernel's own 2 KiB.
  (memory (export "memory") 1 513)

  ;; Heap bytes the call may use, headers included. The host sets it before the first call and lowers it for variables.
  (global $byte_limit (export "byte_limit") (mut i32) (i32.const 0))
  ;; Bytes handed out so far, counted from the heap's start. The first granule stays unused, so that `top` is never
  ;; smaller than the widest load.
  (global $top (mut i64) (i64.const 16))
  ;; Largest allocation refused in this call, 0 where none was.
  (global $refused (mut i64) (i64.const 0))

  (global $input_offset (mut i64) (i64.const 0))
  (global $input_length (mut i64) (i64.const 0))
  ;; Number of input offsets at which 8 bytes can be read.
  (global $input_words (mut i64) (i64.const 0))
  (global $output_offset (mut i64) (i64.const 0))
  (global $output_length (mut i64) (i64.const 0))
  (global $error_offset (mut i64) (i64.const 0))
  (global $error_length (mut i64) (i64.const 0))

  ;; ---- Size classes ----

  ;; Smallest class whose blocks hold `granules`. At most 304 for the largest request.
  (func $class_of (param $granules i32) (result i32)
    (local $exponent i32) (local $shift i32)
    (if (i32.lt_u (local.get $granules) (i32.const 32)) (then (return (local.get $granules))))
    (local.set $exponent (i32.sub (i32.const 31) (i32.clz (local.get $granules))))
    (local.set $shift (i32.sub (local.get $exponent) (i32.const 4)))
    ;; 16 to 32 sixteenths of 2^exponent, rounded up; 32 is the next doubling's first class.
    (i32.add
      (i32.shl (i32.sub (local.get $exponent) (i32.const 4)) (i32.const 4))
      (i32.shr_u
        (i32.add (local.get $granules) (i32.sub (i32.shl (i32.const 1) (local.get $shift)) (i32.const 1)))
        (local.get $shift))))

  ;; Bytes of a block of the class.
  (func $class_bytes (param $class i32) (result i32)
    (if (i32.lt_u (local.get $class) (i32.const 32))
      (then (return (i32.shl (local.get $class) (i32.const 4)))))
    (i32.shl
      (i32.add (i32.and (local.get $class) (i32.const 15)) (i32.const 16))
      (i32.add (i32.sub (i32.shr_u (local.get $class) (i32.const 4)) (i32.const 1)) (i32.const 4))))

  ;; ---- Headers ----

  ;; The tag of a live block at the address, in the top 29 bits. Odd, so never that of a dead block.
  (func $tag (param $block i32) (result i64)
    (i64.shl
      (i64.extend_i32_u
        (i32.or (i32.shr_u (i32.mul (local.get $block) (i32.const 0x9e3779b1)) (i32.const 3)) (i32.const 1)))
      (i64.const 35)))

  (func $is_live (param $block i32) (result i32)
    (i64.eq
      (i64.and (i64.load (local.get $block)) (i64.const 0xfffffff800000000))
      (call $tag (local.get $block))))

  ;; Header of the block whose data starts at the handle, or 0: interior, freed and foreign addresses are no handles.
  (func $header_of (param $handle i64) (result i64)
    (local $block i32)
    (if (i64.ge_u (i64.sub (local.get $handle) (i64.const 2056)) (global.get $top)) (then (return (i64.const 0))))
    (local.set $block (i32.sub (i32.wrap_i64 (local.get $handle)) (i32.const 8)))
    (if (i32.and (local.get $block) (i32.const 15)) (then (return (i64.const 0))))
    (select (i64.load (local.get $block)) (i64.const 0) (call $is_live (local.get $block))))

  ;; ---- Free lists ----

  (func $flip_non_empty (param $class i32)
    (local $word i32)
    (local.set $word (i32.shl (i32.shr_u (local.get $class) (i32.const 6)) (i32.const 3)))
    (i64.store offset=1280 (local.get $word)
      (i64.xor
        (i64.load offset=1280 (local.get $word))
        (i64.shl (i64.const 1) (i64.extend_i32_u (i32.and (local.get $class) (i32.const 63)))))))

  ;; Puts a dead block of the class at the head of its list.
  (func $push (param $block i32) (param $class i32)
    (local $head i32)
    (local.set $head (i32.load (i32.shl (local.get $class) (i32.const 2))))
    (i64.store (local.get $block) (i64.extend_i32_u (local.get $head)))
    (i32.store (i32.shl (local.get $class) (i32.const 2)) (local.get $block))
    (if (i32.eqz (local.get $head)) (then (call $flip_non_empty (local.get $class)))))

  ;; True where the address may be a dead block of `bytes`: aligned, wholly in the heap, not handed out.
  (func $is_dead_block (param $block i32) (param $bytes i32) (result i32)
    (local $offset i32)
    (local.set $offset (i32.sub (local.get $block) (i32.const 2048)))
    (if (i32.and (local.get $block) (i32.const 15)) (then (return (i32.const 0))))
    (if (i64.ge_u (i64.extend_i32_u (local.get $offset)) (global.get $top)) (then (return (i32.const 0))))
    (if
      (i64.gt_u
        (i64.add (i64.extend_i32_u (local.get $offset)) (i64.extend_i32_u (local.get $bytes)))
        (global.get $top))
      (then (return (i32.const 0))))
    (i32.eqz (call $is_live (local.get $block))))

  ;; Takes the head of the class's list, or 0. The next head comes from memory the guest can write, so it is checked.
  (func $pop (param $class i32) (result i32)
    (local $block i32) (local $next i32)
    (local.set $block (i32.load (i32.shl (local.get $class) (i32.const 2))))
    (if (i32.eqz (local.get $block)) (then (return (i32.const 0))))
    (local.set $next (i32.load (local.get $block)))
    (if (i32.eqz (call $is_dead_block (local.get $next) (call $class_bytes (local.get $class))))
      (then (local.set $next (i32.const 0))))
    ;; A list tied to itself would hand one block out twice.
    (if (i32.eq (local.get $next) (local.get $block)) (then (local.set $next (i32.const 0))))
    (i32.store (i32.shl (local.get $class) (i32.const 2)) (local.get $next))
    (if (i32.eqz (local.get $next)) (then (call $flip_non_empty (local.get $class))))
    ;; The guest may have tied the list so that this block was handed out through another class since.
    (select (i32.const 0) (local.get $block) (call $is_live (local.get $block))))

  ;; Smallest class from `class` up that has a free block, or 0: at most five words are read.
  (func $non_empty_from (param $class i32) (result i32)
    (local $word i32) (local $bits i64)
    (local.set $word (i32.shr_u (local.get $class) (i32.const 6)))
    (local.set $bits
      (i64.and
        (i64.load offset=1280 (i32.shl (local.get $word) (i32.const 3)))
        (i64.shl (i64.const -1) (i64.extend_i32_u (i32.and (local.get $class) (i32.const 63))))))
    (loop $next
      (if (i64.ne (local.get $bits) (i64.const 0))
        (then
          (return
            (i32.add
              (i32.shl (local.get $word) (i32.const 6))
              (i32.wrap_i64 (i64.ctz (local.get $bits)))))))
      (local.set $word (i32.add (local.get $word) (i32.const 1)))
      (if (i32.lt_u (local.get $word) (i32.const 5))
        (then
          (local.set $bits (i64.load offset=1280 (i32.shl (local.get $word) (i32.const 3))))
          (br $next))))
    (i32.const 0))

  ;; ---- Heap ----

  ;; Extends the heap by `bytes`. Returns the new block, or 0 where the limit or the machine refuses.
  (func $extend (param $bytes i32) (result i32)
    (local $end i32) (local $missing i32) (local $spare i32) (local $block i32)
    (local.set $block (i32.add (i32.const 2048) (i32.wrap_i64 (global.get $top))))
    (local.set $end (i32.add (local.get $block) (local.get $bytes)))
    (if
      (i32.gt_u (i32.sub (local.get $end) (i32.const 2064)) (global.get $byte_limit))
      (then (return (i32.const 0))))
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $end) (i32.const 65535)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        ;; A mebibyte at a time, so that a call grows at most 32 times; less where the maximum is near.
        (local.set $spare (i32.sub (i32.const 513) (memory.size)))
        (if (i32.gt_u (local.get $spare) (i32.const 16)) (then (local.set $spare (i32.const 16))))
        (if (i32.lt_u (local.get $missing) (local.get $spare)) (then (local.set $missing (local.get $spare))))
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (return (i32.const 0))))))
    (global.set $top (i64.add (global.get $top) (i64.extend_i32_u (local.get $bytes))))
    (local.get $block))

  (func $refuse (param $length i64) (result i64)
    (if (i64.gt_u (local.get $length) (global.get $refused)) (then (global.set $refused (local.get $length))))
    (i64.const 0))

  ;; ---- Extism ABI: blocks ----

  (func (export "alloc") (param $length i64) (result i64)
    (local $class i32) (local $block i32) (local $larger i32)
    (if (i64.eqz (local.get $length)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $length) (i64.const 33554432)) (then (return (call $refuse (local.get $length)))))
    (local.set $class
      (call $class_of
        (i32.shr_u (i32.add (i32.wrap_i64 (local.get $length)) (i32.const 23)) (i32.const 4))))
    (local.set $block (call $pop (local.get $class)))
    (if (i32.eqz (local.get $block))
      (then (local.set $block (call $extend (call $class_bytes (local.get $class))))))
    ;; The heap is full: a larger block serves rather than none.
    (if (i32.eqz (local.get $block))
      (then
        (local.set $larger (call $non_empty_from (i32.add (local.get $class) (i32.const 1))))
        (if (local.get $larger)
          (then
            (local.set $class (local.get $larger))
            (local.set $block (call $pop (local.get $class)))))))
    (if (i32.eqz (local.get $block)) (then (return (call $refuse (local.get $length)))))
    (i64.store (local.get $block)
      (i64.or
        (call $tag (local.get $block))
        (i64.or (i64.shl (i64.extend_i32_u (local.get $class)) (i64.const 26)) (local.get $length))))
    (i64.extend_i32_u (i32.add (local.get $block) (i32.const 8))))

  (func (export "free") (param $handle i64)
    (local $block i32) (local $class i32) (local $header i64)
    (local.set $header (call $header_of (local.get $handle)))
    (if (i64.eqz (local.get $header)) (then (return)))
    (local.set $block (i32.sub (i32.wrap_i64 (local.get $handle)) (i32.const 8)))
    (i64.store (local.get $block) (i64.const 0))
    (if (i64.eq (local.get $handle) (global.get $input_offset))
      (then
        (global.set $input_length (i64.const 0))
        (global.set $input_words (i64.const 0))))
    ;; A class the guest has forged loses the block instead of placing it wrongly.
    (local.set $class (i32.wrap_i64 (i64.and (i64.shr_u (local.get $header) (i64.const 26)) (i64.const 511))))
    (if (i32.gt_u (i32.sub (local.get $class) (i32.const 1)) (i32.const 303)) (then (return)))
    (if (i32.eqz (call $is_dead_block (local.get $block) (call $class_bytes (local.get $class)))) (then (return)))
    (call $push (local.get $block) (local.get $class)))

  ;; Bytes asked for when the handle was allocated; 0 for anything that is no handle.
  (func $length (export "length") (export "length_unsafe") (param $handle i64) (result i64)
    (local $length i64) (local $room i64)
    (local.set $length (i64.and (call $header_of (local.get $handle)) (i64.const 0x3ffffff)))
    (local.set $room (i64.sub (global.get $top) (i64.sub (local.get $handle) (i64.const 2048))))
    (select (local.get $length) (local.get $room) (i64.lt_u (local.get $length) (local.get $room))))

  (func (export "load_u8") (param $address i64) (result i32)
    (if (i64.ge_u (i64.sub (local.get $address) (i64.const 2048)) (global.get $top))
      (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (local.get $address))))

  (func (export "load_u64") (param $address i64) (result i64)
    (if (i64.gt_u (i64.sub (local.get $address) (i64.const 2048)) (i64.sub (global.get $top) (i64.const 8)))
      (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (local.get $address))))

  (func (export "store_u8") (param $address i64) (param $value i32)
    (if (i64.ge_u (i64.sub (local.get $address) (i64.const 2048)) (global.get $top)) (then (return)))
    (i32.store8 (i32.wrap_i64 (local.get $address)) (local.get $value)))

  (func (export "store_u64") (param $address i64) (param $value i64)
    (if (i64.gt_u (i64.sub (local.get $address) (i64.const 2048)) (i64.sub (global.get $top) (i64.const 8)))
      (then (return)))
    (i64.store (i32.wrap_i64 (local.get $address)) (local.get $value)))

  ;; ---- Extism ABI: input, output, error ----

  ;; Host side. The range is a block the host has just allocated.
  (func (export "input_set") (param $offset i64) (param $length i64)
    (global.set $input_offset (local.get $offset))
    (global.set $input_length (local.get $length))
    (if (i64.ge_u (local.get $length) (i64.const 8))
      (then (global.set $input_words (i64.sub (local.get $length) (i64.const 7))))))

  (func (export "input_length") (result i64) (global.get $input_length))

  (func (export "input_offset") (result i64) (global.get $input_offset))

  (func (export "input_load_u8") (param $offset i64) (result i32)
    (if (i64.ge_u (local.get $offset) (global.get $input_length)) (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (i64.add (global.get $input_offset) (local.get $offset)))))

  (func (export "input_load_u64") (param $offset i64) (result i64)
    (if (i64.ge_u (local.get $offset) (global.get $input_words)) (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (i64.add (global.get $input_offset) (local.get $offset)))))

  ;; Any range is accepted, interior addresses too; the host reads it clamped to the heap.
  (func (export "output_set") (param $offset i64) (param $length i64)
    (global.set $output_offset (local.get $offset))
    (global.set $output_length (local.get $length)))

  ;; Host side: the part of the output that lies in the heap.
  (func (export "output_length") (result i64)
    (local $start i64) (local $room i64)
    (local.set $start (i64.sub (global.get $output_offset) (i64.const 2048)))
    (if (i64.ge_u (local.get $start) (global.get $top)) (then (return (i64.const 0))))
    (local.set $room (i64.sub (global.get $top) (local.get $start)))
    (select (global.get $output_length) (local.get $room) (i64.lt_u (global.get $output_length) (local.get $room))))

  (func (export "output_offset") (result i64) (global.get $output_offset))

  ;; Host side: the length the guest gave, whether or not the range exists.
  (func (export "output_requested") (result i64) (global.get $output_length))

  ;; The length is taken now, so that the text can still be read where the guest frees the block afterwards.
  (func (export "error_set") (param $handle i64)
    (if (i64.eqz (local.get $handle))
      (then
        (global.set $error_offset (i64.const 0))
        (global.set $error_length (i64.const 0))
        (return)))
    (if (i64.ge_u (i64.sub (local.get $handle) (i64.const 2048)) (global.get $top)) (then (return)))
    (global.set $error_offset (local.get $handle))
    (global.set $error_length (call $length (local.get $handle))))

  (func (export "error_get") (result i64) (global.get $error_offset))

  ;; Host side.
  (func (export "error_length") (result i64) (global.get $error_length))

  ;; ---- Accounting, host side ----

  ;; Largest extent of the heap so far, headers and rounding included. The heap never shrinks.
  (func (export "heap_bytes") (result i32) (i32.wrap_i64 (i64.sub (global.get $top) (i64.const 16))))

  (func (export "refused_bytes") (result i64) (global.get $refused))

  ;; Host side: as new. Nothing can be written beyond `top`, so clearing up to there clears everything.
  (func (export "reset")
    (memory.fill (i32.const 0) (i32.const 0) (i32.add (i32.const 2048) (i32.wrap_i64 (global.get $top))))
    (global.set $byte_limit (i32.const 0))
    (global.set $top (i64.const 16))
    (global.set $refused (i64.const 0))
    (global.set $input_offset (i64.const 0))
    (global.set $input_length (i64.const 0))
    (global.set $input_words (i64.const 0))
    (global.set $output_offset (i64.const 0))
    (global.set $output_length (i64.const 0))
    (global.set $error_offset (i64.const 0))
    (global.set $error_length (i64.const 0))))
