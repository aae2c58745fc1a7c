;; Calls itself for ever while the host hands it its arguments.
;; outcome: trapped stack-exhausted
(module
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func $deeper (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.add (i32.const 1) (call $deeper (local.get 0) (local.get 1) (local.get 2) (local.get 3))))
  (func (export "call") (param i32 i32) (result i32) unreachable))
