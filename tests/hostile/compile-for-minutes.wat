;; Takes the compiler a minute: 400000 functions in a line.
;; outcome: refused compiling took longer than 2s
;; patience-s: 2
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable)
    {{400000| (func) }})
  (core instance $i (instantiate $m))
  {lifts})
