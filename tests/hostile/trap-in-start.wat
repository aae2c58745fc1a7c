;; Aborts before anything of it was called.
;; outcome: trapped unreachable
(module
  (memory (export "memory") 1)
  {world}
  (func $start unreachable)
  (start $start)
  (func (export "call") (param i32 i32) (result i32) unreachable))
