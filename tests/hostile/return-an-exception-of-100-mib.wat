;; Returns an exception of 100 MiB.
;; outcome: trapped result-limit
;; memory-mib: 512
(module
  (memory (export "memory") 1601)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (i32.store (i32.const 64) (i32.const 1))
    (i32.store (i32.const 68) (i32.const 0))
    (i32.store (i32.const 72) (i32.const 104857600))
    (i32.const 64)))
