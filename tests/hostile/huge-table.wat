;; Begins with a table of 10 million elements.
;; outcome: refused 10000000 elements in a table, this host allows 100000
(module
  (memory (export "memory") 1)
  {world}
  (table 10000000 funcref)
  (func (export "call") (param i32 i32) (result i32) unreachable))
