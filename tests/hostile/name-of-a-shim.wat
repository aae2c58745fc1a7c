;; Calls itself what the component tools call their own modules, and aborts.
;; outcome: trapped unreachable
(component
  (core module $m
    (memory (export "memory") 1)
    {world}
    (@custom "name" "\00\13\12wit-component:shim")
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
