;; Prints without end, a few bytes at a time.
;; outcome: trapped output-limit
(module
  (import "spm:closure/log@0.1.0" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (call $print (i32.const 0) (i32.const 64)) (br $more)) unreachable))
