;; Uses exceptions of WebAssembly, which only one engine has.
;; outcome: refused exceptions proposal not enabled
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (tag $t)
    (func (throw $t))
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
