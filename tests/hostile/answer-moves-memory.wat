;; Asks the hub, and has its memory moved while the host hands it the answer, which it returns.
;; outcome: returned
;; manager: farm
;; memory-mib: 512
(module
  (import "spm:closure/hub@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 1)
  {return}
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.shl (memory.grow (i32.const 1000)) (i32.const 16)))
  (func (export "call") (param i32 i32) (result i32)
    (call $ask (i32.const 0) (i32.const 8) (i32.const 64))
    (if (i32.ne (i32.load8_u (i32.load (i32.const 64))) (i32.const 97)) (then unreachable))
    (call $return (i32.load (i32.const 64)) (i32.load (i32.const 68)))))
