;; Has 300000 globals, for which its host needs memory that is not its own.
;; outcome: refused exceeds the configured maximum
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    {{300000| (global (mut i64) (i64.const 1)) }}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
