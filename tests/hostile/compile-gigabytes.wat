;; Takes the compiler gigabytes: one function that reads 700000 values before it uses any, and minutes; its host has 5 seconds.
;; outcome: refused compiling took longer than 5s
;; patience-s: 5
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable)
    (func (param i64) (result i64)
      (local.get 0)
      {{700000| (i64.load offset={i} (i32.const 0)) }}
      {{700000| i64.xor }}))
  (core instance $i (instantiate $m))
  {lifts})
