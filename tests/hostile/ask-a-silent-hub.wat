;; Asks the hub, and gets no answer.
;; outcome: deadline
;; deadline-ms: 50
;; manager: farm
;; hub: silent
(module
  (import "spm:closure/hub@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $ask (i32.const 0) (i32.const 8) (i32.const 64)) unreachable))
