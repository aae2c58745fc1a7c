;; Begins with 4 GiB of memory.
;; outcome: refused asks for 4096 MiB, this host allows 64 MiB
(module
  (memory (export "memory") 65536)
  {world}
  (func (export "call") (param i32 i32) (result i32) unreachable))
