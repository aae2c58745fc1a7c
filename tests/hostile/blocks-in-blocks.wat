;; Has blocks in one another, 20000 deep.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func {{20000| (block }} nop {{20000| ) }})
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
