;; Returns neither `ok` nor `err`.
;; outcome: trapped abi-violation
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (i32.store (i32.const 32) (i32.const 7)) (i32.const 32)))
