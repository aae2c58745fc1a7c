;; Aborts while the host hands it its arguments.
;; outcome: trapped unreachable
(module
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "call") (param i32 i32) (result i32) unreachable))
