;; Imports what has a name of a megabyte.
;; outcome: refused string size out of bounds
(component
  (import "evil:host/{{1000000|x}}" (instance))
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
