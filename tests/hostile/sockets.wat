;; Asks for the network.
;; outcome: trapped import-denied
(component
  (import "wasi:sockets/instance-network@0.2.0" (instance $wasi (export "instance-network" (func (result u32)))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $memory (instantiate $memory))
  (core func $asked (canon lower (func $wasi "instance-network")))
  (core module $m
    (import "m" "memory" (memory 1))
    (import "host" "asked" (func $asked (result i32)))
    (export "memory" (memory 0))
    (func (export "define") (param i32 i32) (result i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "call") (param i32 i32) (result i32)
      (drop (call $asked)) unreachable))
  (core instance $host (export "asked" (func $asked)))
  (core instance $i (instantiate $m (with "m" (instance $memory)) (with "host" (instance $host))))
  {lifts})
