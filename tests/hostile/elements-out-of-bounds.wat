;; Begins with functions beyond its table.
;; outcome: trapped table-out-of-bounds
(module
  (memory (export "memory") 1)
  {world}
  (table 2 funcref)
  (func $f)
  (elem (i32.const 1) func $f $f $f)
  (func (export "call") (param i32 i32) (result i32) unreachable))
