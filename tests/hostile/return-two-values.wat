;; Returns two values where there is to be one.
;; outcome: returned
;; value: after
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (data (i32.const 64) "\01\02")
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 64) (i32.const 2))))
