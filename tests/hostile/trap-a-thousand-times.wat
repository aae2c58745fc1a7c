;; Aborts, in a thousand tasks at the same time.
;; outcome: trapped unreachable
;; tasks: 1000
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32) unreachable))
