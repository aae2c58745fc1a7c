;; Finds a better value as often as it can, and each time all tasks of its run are told.
;; outcome: deadline
;; deadline-ms: 300
;; manager: template
(module
  (import "spm:closure/tree@0.1.0" "improve" (func $improve (param f64)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32) (local $value f64)
    (loop $more
      (local.set $value (f64.sub (local.get $value) (f64.const 1)))
      (call $improve (local.get $value))
      (br $more))
    unreachable))
