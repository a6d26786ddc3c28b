;; Where the fuel of one call went: a tree of call paths, and a sum for each function. A profiled module calls these functions
;; through a table that it exports (PROFILE_EXPORTS in sdk/contract/metering-abi.ts); the guest's own code can reach neither
;; them nor this memory. One instance serves one call.
;;
;; Every operation takes a bounded number of steps, whatever the guest calls.
;;
;; Layout
;;          0   index of the tree: node of (parent, function), 131,072 slots of 4 B, open addressing; 0 is empty
;;     524288   stack of the frames that are open, 16,384 entries of 8 B: node, function slot
;;     655360   nodes, 65,536 of 40 B
;;    3276800   function slots of 16 B, as many as are used: fuel of the function itself, calls
;;
;; A node: function (+0), parent (+4), depth (+8), the child used last (+12), the child that stands for what is not kept (+16),
;; fuel of itself (+24), calls (+32). Node 0 is the call as a whole; its function is -1. Slot 0 belongs to it, slot n + 1 to
;; function n.
;;
;; At most 32,768 paths are kept, down to depth 512, and no more than 64 slots of the index are looked at for one. What goes
;; beyond is counted in a node with function -2 below the last one kept, so every other figure of the tree stays right.
;; Frames that it hides keep their place on the stack, so the sums of functions are right in any case.
;;
;; Fuel below zero means that the guest has run out, or that the host has ended it: from then on nothing is noted, and the
;; host says with `finish` what was really left.
(module
  (memory (export "memory") 51 200)

  ;; Fuel that was left when it was last looked at.
  (global $last (mut i64) (i64.const 0))
  ;; Open frames. Those beyond the stack's room are counted, and noted under the last one that has room.
  (global $height (mut i32) (i32.const 0))
  ;; Nodes of both kinds, and paths kept.
  (global $nodes (mut i32) (i32.const 1))
  (global $paths (mut i32) (i32.const 0))
  ;; Function slots in use.
  (global $slots (mut i32) (i32.const 1))

  ;; ---- Addresses ----

  (func $node_at (param $node i32) (result i32)
    (i32.add (i32.const 655360) (i32.mul (local.get $node) (i32.const 40))))

  ;; Entry of the innermost frame.
  (func $top (result i32)
    (i32.add
      (i32.const 524288)
      (i32.shl
        (select (global.get $height) (i32.const 16383) (i32.lt_u (global.get $height) (i32.const 16383)))
        (i32.const 3))))

  ;; Address of a function's slot; the memory grows to hold it.
  (func $slot_at (param $slot i32) (result i32)
    (local $address i32) (local $missing i32)
    (local.set $address (i32.add (i32.const 3276800) (i32.shl (local.get $slot) (i32.const 4))))
    (if (i32.ge_u (local.get $slot) (global.get $slots))
      (then
        (global.set $slots (i32.add (local.get $slot) (i32.const 1)))
        (local.set $missing
          (i32.sub
            (i32.add (i32.shr_u (i32.add (local.get $address) (i32.const 15)) (i32.const 16)) (i32.const 1))
            (memory.size)))
        (if (i32.gt_s (local.get $missing) (i32.const 0))
          (then (drop (memory.grow (local.get $missing)))))))
    (local.get $address))

  ;; ---- Tree ----

  (func $create (param $parent i32) (param $function i32) (result i32)
    (local $node i32) (local $address i32)
    (local.set $node (global.get $nodes))
    (global.set $nodes (i32.add (local.get $node) (i32.const 1)))
    (local.set $address (call $node_at (local.get $node)))
    (i32.store (local.get $address) (local.get $function))
    (i32.store offset=4 (local.get $address) (local.get $parent))
    (i32.store offset=8 (local.get $address)
      (i32.add (i32.load offset=8 (call $node_at (local.get $parent))) (i32.const 1)))
    (local.get $node))

  ;; The child that stands for everything not kept below a node. There are as many of them as paths at most.
  (func $remainder (param $parent i32) (result i32)
    (local $address i32)
    (local.set $address (call $node_at (local.get $parent)))
    (if (i32.eqz (i32.load offset=16 (local.get $address)))
      (then (i32.store offset=16 (local.get $address) (call $create (local.get $parent) (i32.const -2)))))
    (i32.load offset=16 (local.get $address)))

  (func $first_probe (param $parent i32) (param $function i32) (result i32)
    (local $hash i32)
    (local.set $hash
      (i32.xor
        (i32.mul (local.get $parent) (i32.const 0x9e3779b1))
        (i32.mul (i32.add (local.get $function) (i32.const 1)) (i32.const 0x85ebca6b))))
    (local.set $hash (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 15))))
    (local.set $hash (i32.mul (local.get $hash) (i32.const 0x2c1b3c6d)))
    (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 12))))

  ;; The node of a function called from a node, made where there is none yet.
  (func $child (param $parent i32) (param $function i32) (result i32)
    (local $address i32) (local $node i32) (local $probe i32) (local $left i32) (local $slot i32)
    (local.set $address (call $node_at (local.get $parent)))
    (local.set $node (i32.load offset=12 (local.get $address)))
    (if (local.get $node)
      (then
        (if (i32.eq (i32.load (call $node_at (local.get $node))) (local.get $function))
          (then (return (local.get $node))))))
    (if (i32.eq (i32.load (local.get $address)) (i32.const -2)) (then (return (local.get $parent))))
    (if (i32.ge_u (i32.load offset=8 (local.get $address)) (i32.const 512))
      (then (return (call $remainder (local.get $parent)))))
    (local.set $probe (call $first_probe (local.get $parent) (local.get $function)))
    (local.set $left (i32.const 64))
    (loop $next
      (local.set $slot (i32.shl (i32.and (local.get $probe) (i32.const 131071)) (i32.const 2)))
      (local.set $node (i32.load (local.get $slot)))
      (if (i32.eqz (local.get $node))
        (then
          (if (i32.ge_u (global.get $paths) (i32.const 32767))
            (then (return (call $remainder (local.get $parent)))))
          (global.set $paths (i32.add (global.get $paths) (i32.const 1)))
          (local.set $node (call $create (local.get $parent) (local.get $function)))
          (i32.store (local.get $slot) (local.get $node))
          (i32.store offset=12 (local.get $address) (local.get $node))
          (return (local.get $node))))
      (if
        (i32.and
          (i32.eq (i32.load (call $node_at (local.get $node))) (local.get $function))
          (i32.eq (i32.load offset=4 (call $node_at (local.get $node))) (local.get $parent)))
        (then
          (i32.store offset=12 (local.get $address) (local.get $node))
          (return (local.get $node))))
      (local.set $probe (i32.add (local.get $probe) (i32.const 1)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $remainder (local.get $parent)))

  ;; ---- Accounting ----

  ;; Notes the fuel taken since it was last looked at, for the innermost frame.
  (func $account (param $fuel i64)
    (local $used i64) (local $top i32) (local $address i32)
    (local.set $used (i64.sub (global.get $last) (local.get $fuel)))
    (global.set $last (local.get $fuel))
    (local.set $top (call $top))
    (local.set $address (call $node_at (i32.load (local.get $top))))
    (i64.store offset=24 (local.get $address)
      (i64.add (i64.load offset=24 (local.get $address)) (local.get $used)))
    (local.set $address (call $slot_at (i32.load offset=4 (local.get $top))))
    (i64.store (local.get $address) (i64.add (i64.load (local.get $address)) (local.get $used))))

  ;; Counts a call from the innermost frame, and moves what the caller has paid for it to the callee. Returns the node.
  (func $count_call (param $function i32) (param $paid i32) (result i32)
    (local $top i32) (local $paid_long i64) (local $caller i32) (local $node i32) (local $address i32)
    (local.set $top (call $top))
    (local.set $paid_long (i64.extend_i32_u (local.get $paid)))
    (local.set $caller (i32.load (local.get $top)))
    (local.set $node (call $child (local.get $caller) (local.get $function)))
    (local.set $address (call $node_at (local.get $caller)))
    (i64.store offset=24 (local.get $address)
      (i64.sub (i64.load offset=24 (local.get $address)) (local.get $paid_long)))
    (local.set $address (call $node_at (local.get $node)))
    (i64.store offset=24 (local.get $address)
      (i64.add (i64.load offset=24 (local.get $address)) (local.get $paid_long)))
    (i64.store offset=32 (local.get $address)
      (i64.add (i64.load offset=32 (local.get $address)) (i64.const 1)))
    (local.set $address (call $slot_at (i32.load offset=4 (local.get $top))))
    (i64.store (local.get $address) (i64.sub (i64.load (local.get $address)) (local.get $paid_long)))
    (local.set $address (call $slot_at (i32.add (local.get $function) (i32.const 1))))
    (i64.store (local.get $address) (i64.add (i64.load (local.get $address)) (local.get $paid_long)))
    (i64.store offset=8 (local.get $address)
      (i64.add (i64.load offset=8 (local.get $address)) (i64.const 1)))
    (local.get $node))

  ;; ---- What a profiled module calls ----

  ;; A function begins. `paid` is the part of its price that its caller has been charged. Returns what `resume` takes.
  (func (export "enter") (param $function i32) (param $paid i32) (param $fuel i64) (result i32)
    (local $node i32) (local $top i32)
    (if (i64.lt_s (local.get $fuel) (i64.const 0)) (then (return (global.get $height))))
    (call $account (local.get $fuel))
    (local.set $node (call $count_call (local.get $function) (local.get $paid)))
    (global.set $height (i32.add (global.get $height) (i32.const 1)))
    (if (i32.le_u (global.get $height) (i32.const 16383))
      (then
        (local.set $top (call $top))
        (i32.store (local.get $top) (local.get $node))
        (i32.store offset=4 (local.get $top) (i32.add (local.get $function) (i32.const 1)))))
    (global.get $height))

  ;; The innermost function ends.
  (func (export "leave") (param $fuel i64)
    (if (i64.lt_s (local.get $fuel) (i64.const 0)) (then (return)))
    (call $account (local.get $fuel))
    (global.set $height (i32.sub (global.get $height) (i32.const 1))))

  ;; A frame goes on, whatever frames an exception has taken away above it.
  (func (export "resume") (param $height i32) (param $fuel i64)
    (if (i64.lt_s (local.get $fuel) (i64.const 0)) (then (return)))
    (call $account (local.get $fuel))
    (global.set $height (local.get $height)))

  ;; A function that is charged to its callers is called.
  (func (export "leaf") (param $function i32) (param $paid i32) (param $fuel i64)
    (if (i64.lt_s (local.get $fuel) (i64.const 0)) (then (return)))
    (call $account (local.get $fuel))
    (drop (call $count_call (local.get $function) (local.get $paid))))

  ;; ---- Host side ----

  ;; Fuel the call begins with.
  (func (export "begin") (param $fuel i64)
    (i32.store (call $node_at (i32.const 0)) (i32.const -1))
    (global.set $last (local.get $fuel)))

  ;; Fuel the call ended with.
  (func (export "finish") (param $fuel i64) (call $account (local.get $fuel)))

  (func (export "nodes") (result i32) (global.get $nodes))
  (func (export "slots") (result i32) (global.get $slots)))
