;; Begins with data beyond its memory.
;; outcome: trapped memory-out-of-bounds
(module
  (memory (export "memory") 1)
  {world}
  (data (i32.const 65530) "more than six bytes")
  (func (export "call") (param i32 i32) (result i32) unreachable))
