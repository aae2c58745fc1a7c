;; Has a type of 100000 fields in a few lines, and functions that take it.
;; outcome: returned
(component
  (type $t0 (tuple u8 u8))
  {{16| (type $t{i+1} (tuple $t{i} $t{i})) }}
  (type (func (param "large" $t16) (result $t16)))
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
