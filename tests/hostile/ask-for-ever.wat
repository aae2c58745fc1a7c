;; Asks the hub, which answers, as often as it can.
;; outcome: deadline
;; deadline-ms: 300
;; manager: farm
(module
  (import "spm:closure/hub@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (call $ask (i32.const 0) (i32.const 8) (i32.const 64)) (br $more)) unreachable))
