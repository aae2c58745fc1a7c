;; Calls itself for ever, before anything of it was called.
;; outcome: trapped stack-exhausted
(module
  (memory (export "memory") 1)
  {world}
  (func $deeper (call $deeper) (call $deeper))
  (start $deeper)
  (func (export "call") (param i32 i32) (result i32) unreachable))
