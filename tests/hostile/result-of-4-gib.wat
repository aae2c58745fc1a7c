;; Returns a list of 4 GiB.
;; outcome: trapped abi-violation
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 0) (i32.const -1))))
