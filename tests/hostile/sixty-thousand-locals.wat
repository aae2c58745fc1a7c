;; Has a function with 60000 locals.
;; outcome: refused not valid WebAssembly
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (local {{60000| i64 }}))
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
