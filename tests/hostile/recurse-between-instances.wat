;; Two modules that call one another for ever.
;; outcome: trapped stack-exhausted
(component
  (core module $one
    (table (export "table") 2 funcref)
    (type $deeper (func (param i32) (result i32)))
    (func (export "deeper") (param i32) (result i32)
      (i32.add (i32.const 1) (call_indirect (type $deeper) (local.get 0) (i32.const 0)))))
  (core instance $one (instantiate $one))
  (core module $m
    (import "one" "table" (table 2 funcref))
    (import "one" "deeper" (func $deeper (param i32) (result i32)))
    (memory (export "memory") 1)
    {world}
    (func $back (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))
    (elem (i32.const 0) func $back)
    (func (export "call") (param i32 i32) (result i32) (call $back (i32.const 0))))
  (core instance $i (instantiate $m (with "one" (instance $one))))
  {lifts})
