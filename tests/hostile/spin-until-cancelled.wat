;; Says that it begins, never ends, and has no deadline; somebody has to stop it.
;; outcome: cancelled
;; hub: cancels
(module
  (import "spm:closure/log@0.1.0" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $print (i32.const 0) (i32.const 1))
    (loop $forever (br $forever)) unreachable))
