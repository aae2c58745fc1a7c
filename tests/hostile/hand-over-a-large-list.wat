;; Calls what is denied with a list of 500 MB, of which each byte would take the host forty.
;; outcome: trapped message-limit
;; memory-mib: 512
(component
  (import "wasi:io/anything@0.2.0" (instance $wasi (export "take" (func (param "bytes" (list u8))))))
  (core module $memory
    (memory (export "memory") 8000)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $memory (instantiate $memory))
  (core func $asked (canon lower (func $wasi "take") (memory $memory "memory")))
  (core module $m
    (import "m" "memory" (memory 1))
    (import "host" "asked" (func $asked (param i32 i32)))
    (export "memory" (memory 0))
    (func (export "define") (param i32 i32) (result i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "call") (param i32 i32) (result i32)
      (call $asked (i32.const 0) (i32.const 500000000)) unreachable))
  (core instance $host (export "asked" (func $asked)))
  (core instance $i (instantiate $m (with "m" (instance $memory)) (with "host" (instance $host))))
  {lifts})
