;; Makes handles of a resource of its own, which the host has to keep.
;; outcome: trapped abi-violation
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $m
    (import "host" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32)
      (loop $more (drop (call $new (i32.const 1))) (br $more)) unreachable))
  (core instance $host (export "new" (func $new)))
  (core instance $i (instantiate $m (with "host" (instance $host))))
  {lifts})
