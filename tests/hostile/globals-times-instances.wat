;; Says that it is an interpreter, and has 60 instances with 500000 globals each.
;; outcome: refused component's instances take
;; engine: python
(component
  (core module $globals {{500000| (global (mut v128) (v128.const i64x2 1 1)) }})
  {{60| (core instance (instantiate $globals)) }}
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
