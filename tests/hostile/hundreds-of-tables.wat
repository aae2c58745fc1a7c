;; Has 100 tables.
;; outcome: refused 100 tables, this host allows 8
(module
  (memory (export "memory") 1)
  {world}
  {{100| (table 100000 funcref) }}
  (func (export "call") (param i32 i32) (result i32) unreachable))
