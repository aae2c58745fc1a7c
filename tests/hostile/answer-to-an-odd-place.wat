;; Has the host write an answer to an odd place.
;; outcome: trapped abi-violation
;; manager: team
(module
  (import "spm:closure/team@0.1.0" "poll" (func $poll (param i32 i64 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $poll (i32.const -1) (i64.const -1) (i32.const 65)) unreachable))
