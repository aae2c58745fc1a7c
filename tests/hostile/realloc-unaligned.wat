;; Has the host write the items of a list to an odd place.
;; outcome: trapped abi-violation
;; manager: team
(module
  (import "spm:closure/log@0.1.0" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4097))
  (func (export "call") (param i32 i32) (result i32)
    (i32.store (i32.const 32) (i32.const 7)) (i32.const 33)))
