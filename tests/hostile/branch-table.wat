;; Branches by a table of 60000 entries.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (param i32) (block (block (br_table {{30000| 0 1 }} 0 (local.get 0)))))
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
