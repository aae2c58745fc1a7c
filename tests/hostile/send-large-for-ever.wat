;; Sends messages of 1 MiB that its host has to keep.
;; outcome: deadline
;; deadline-ms: 300
;; manager: team
;; hub: silent
(module
  (import "spm:closure/team@0.1.0" "send" (func $send (param i32 i32 i32 i32)))
  (memory (export "memory") 20)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (call $send (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 1048576)) (br $more)) unreachable))
