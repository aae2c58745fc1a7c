;; Raises an exception whose record ends in the middle.
;; outcome: raised
;; record: end of input
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 20)
  (data (i32.const 64) "\a2\00\18\40\01\82")
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $raise (i32.const 64) (i32.const 6)) unreachable))
