;; Has a type of two of a type of two of a type, and so on: 2^60 fields.
;; outcome: refused not valid WebAssembly
(component
  (type $t0 (tuple u8 u8))
  {{60| (type $t{i+1} (tuple $t{i} $t{i})) }}
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
