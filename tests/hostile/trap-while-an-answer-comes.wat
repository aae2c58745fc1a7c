;; Asks the hub, and aborts while the host hands it the answer.
;; outcome: trapped unreachable
;; manager: farm
(module
  (import "spm:closure/hub@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 1)
  (global $is_asking (mut i32) (i32.const 0))
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (global.get $is_asking) (then unreachable))
    (i32.const 4096))
  (func (export "call") (param i32 i32) (result i32)
    (global.set $is_asking (i32.const 1))
    (call $ask (i32.const 0) (i32.const 8) (i32.const 64)) unreachable))
