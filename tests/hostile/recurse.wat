;; Calls itself for ever.
;; outcome: trapped stack-exhausted
(module
  (memory (export "memory") 1)
  {world}
  (func $deeper (export "call") (param i32 i32) (result i32)
    (i32.add (i32.const 1) (call $deeper (local.get 1) (local.get 0)))))
