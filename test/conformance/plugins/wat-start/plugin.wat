;; A module with a start section, which runs first, and an initialiser.
(module
  ;; include wat-shared/order.wat
  (func $start (call $note (i64.const 115))) ;; s
  (start $start)
  (func (export "_initialize") (call $note (i64.const 105)))) ;; i
