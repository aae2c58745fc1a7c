;; Has 2000 memories.
;; outcome: refused 2001 memories, this host allows 2
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {{2000| (memory 0) }}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
