;; Has conditions in one another, 5000 deep, each with a result.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (param i32) (result i32) {{5000| (if (result i32) (local.get 0) (then }} (local.get 0) {{5000| ) (else (i32.const 1))) }})
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
