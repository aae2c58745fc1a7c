;; Raises an exception that is not in its memory.
;; outcome: trapped abi-violation
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $raise (i32.const 65530) (i32.const 100)) unreachable))
