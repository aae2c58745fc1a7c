;; Has a memory with addresses of 64 bits.
;; outcome: refused not valid WebAssembly
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (memory i64 1)
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
