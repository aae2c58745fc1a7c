;; Asks the hub a question of 300 MiB.
;; outcome: trapped message-limit
;; manager: farm
;; memory-mib: 512
(module
  (import "spm:closure/hub@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 4801)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $ask (i32.const 0) (i32.const 314572800) (i32.const 64)) unreachable))
