;; Has 20000 globals.
;; outcome: returned
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    {{20000| (global (mut i64) (i64.const 1)) }}
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
