;; Loops before anything was asked of it.
(module
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "never")))
