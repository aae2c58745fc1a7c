;; Imports what no closure may, before it does anything.
;; outcome: refused forbidden import `wasi:http/outgoing-handler@0.2.0`
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance))
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
