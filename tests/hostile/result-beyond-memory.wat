;; Returns a list that begins in its memory and ends outside.
;; outcome: trapped abi-violation
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 65530) (i32.const 100))))
