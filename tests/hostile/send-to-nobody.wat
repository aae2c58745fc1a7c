;; Sends a message to a rank that there is none of.
;; outcome: trapped abi-violation
;; manager: team
(module
  (import "spm:closure/team@0.1.0" "send" (func $send (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $send (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 8)) unreachable))
