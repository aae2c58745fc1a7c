;; Returns a list of no stated length.
;; outcome: returned
;; value: indefinite
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (data (i32.const 64) "\9f\01\02\03\ff")
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 64) (i32.const 5))))
