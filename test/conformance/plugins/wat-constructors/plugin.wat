;; As some C compilers make them: __wasm_call_ctors instead of _initialize, or beside it.
(module
  ;; include wat-shared/order.wat
  (func (export "__wasm_call_ctors") (call $note (i64.const 99))) ;; c
  (func (export "_initialize") (call $note (i64.const 105)))) ;; i
