;; Has a function with 1000 parameters and as many results.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (param {{1000| i64 }}) (result {{1000| i64 }}) {{1000| (local.get {i}) }})
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
