;; Has 100000 types of functions.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    {{100000| (type (func (param i32 i64))) }}
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
