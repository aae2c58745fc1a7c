;; Asks whether there is a message as often as it can.
;; outcome: deadline
;; deadline-ms: 300
;; manager: team
(module
  (import "spm:closure/team@0.1.0" "poll" (func $poll (param i32 i64 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (call $poll (i32.const -1) (i64.const -1) (i32.const 64)) (br $more)) unreachable))
