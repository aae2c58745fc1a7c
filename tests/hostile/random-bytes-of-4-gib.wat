;; Asks for 4 GiB of random bytes.
;; outcome: trapped import-denied
;; memory-mib: 512
(component
  (import "wasi:random/random@0.2.0" (instance $wasi (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $memory
    (memory (export "memory") 20)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $memory (instantiate $memory))
  (core func $asked (canon lower (func $wasi "get-random-bytes") (memory $memory "memory") (realloc (func $memory "cabi_realloc"))))
  (core module $m
    (import "m" "memory" (memory 1))
    (import "host" "asked" (func $asked (param i64 i32)))
    (export "memory" (memory 0))
    (func (export "define") (param i32 i32) (result i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "call") (param i32 i32) (result i32)
      (call $asked (i64.const 4294967296) (i32.const 64)) unreachable))
  (core instance $host (export "asked" (func $asked)))
  (core instance $i (instantiate $m (with "m" (instance $memory)) (with "host" (instance $host))))
  {lifts})
