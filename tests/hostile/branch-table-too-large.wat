;; Branches by a table of 100000 entries.
;; outcome: refused which exceeds the implementation limit
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (param i32) (block (block (br_table {{50000| 0 1 }} 0 (local.get 0)))))
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
