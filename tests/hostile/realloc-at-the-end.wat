;; Has the host write its arguments over the end of its memory.
;; outcome: trapped abi-violation
(module
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65534))
  (func (export "call") (param i32 i32) (result i32) unreachable))
