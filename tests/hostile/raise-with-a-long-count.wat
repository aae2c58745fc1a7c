;; Raises an exception that is said to have 2^60 notes.
;; outcome: raised
;; record: length beyond the end
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 20)
  (data (i32.const 64) "\a2\00\18\40\03\9b\10\00\00\00\00\00\00\00")
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $raise (i32.const 64) (i32.const 14)) unreachable))
