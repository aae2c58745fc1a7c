;; Has a list of lists of lists, 90 deep.
;; outcome: returned
(component
  (type $t0 (list u8))
  {{90| (type $t{i+1} (list $t{i})) }}
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
