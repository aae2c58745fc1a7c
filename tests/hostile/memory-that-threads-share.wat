;; Has a memory that threads share.
;; outcome: refused not valid WebAssembly
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (memory 1 1 shared)
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
