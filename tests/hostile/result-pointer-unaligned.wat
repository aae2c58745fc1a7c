;; Returns a pointer to its result that is odd.
;; outcome: trapped abi-violation
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32) (i32.const 33)))
