;; Raises an exception with sites that its line table does not have, and a class that is none.
;; outcome: raised
;; record: fine
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 20)
  (data (i32.const 64) "\a2\00\1a\ff\ff\ff\ff\08\82\1a\ff\ff\ff\ff\1a\7f\ff\ff\ff")
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $raise (i32.const 64) (i32.const 19)) unreachable))
