;; Sleeps for 500 years.
;; outcome: deadline
;; deadline-ms: 50
(module
  (import "spm:closure/task@0.1.0" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (call $sleep (i64.const -1)) unreachable))
