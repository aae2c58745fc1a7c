;; Waits for a message that nobody sends.
;; outcome: deadline
;; deadline-ms: 50
;; manager: team
(module
  (import "spm:closure/team@0.1.0" "receive" (func $receive (param i32 i64 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $receive (i32.const -1) (i64.const -1) (i32.const 64)) unreachable))
