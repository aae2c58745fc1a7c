;; Calls the host from where the host waits for it.
;; outcome: trapped abi-violation
(module
  (import "spm:closure/log@0.1.0" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $print (i32.const 0) (i32.const 10)) (i32.const 4096))
  (func (export "call") (param i32 i32) (result i32) unreachable))
