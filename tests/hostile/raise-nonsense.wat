;; Raises an exception that is no record.
;; outcome: raised
;; record: unexpected type
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 20)
  (data (i32.const 64) "nonsense")
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $raise (i32.const 64) (i32.const 8)) unreachable))
