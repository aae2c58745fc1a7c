;; Makes 5000 instances of an empty module.
;; outcome: refused 5001 core instances, this host allows 64
(component
  (core module $empty)
  {{5000| (core instance (instantiate $empty)) }}
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
