;; Prints what moves the cursor, renames the window, and is no text; it is the submitter's to show.
;; outcome: returned
(module
  (import "spm:closure/log@0.1.0" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "\1b[2J\1b]0;owned\07\00\ff\fe\80")
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32)
    (call $print (i32.const 64) (i32.const 18))
    (call $return (local.get 0) (local.get 1))))
