;; Asks the hub a question that is not in its memory.
;; outcome: trapped abi-violation
;; manager: farm
(module
  (import "spm:closure/hub@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $ask (i32.const -8) (i32.const 16) (i32.const 64)) unreachable))
