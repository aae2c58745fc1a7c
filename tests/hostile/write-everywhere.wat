;; Writes where it has no memory.
;; outcome: trapped memory-out-of-bounds
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (i64.store offset=4294967288 (i32.const -1) (i64.const -1)) unreachable))
