;; Raises an exception of 100 MiB.
;; outcome: trapped result-limit
;; memory-mib: 512
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 1601)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $raise (i32.const 0) (i32.const 104857600)) unreachable))
