;; Never ends, without a loop and without a stack that grows.
;; outcome: deadline
;; deadline-ms: 50
(module
  (memory (export "memory") 1)
  {world}
  (func $again (export "call") (param i32 i32) (result i32)
    (return_call $again (local.get 1) (local.get 0))))
