;; Has a function with 50000 locals.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (local {{50000| i64 }}) (local.set 49999 (i64.const 1)))
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
