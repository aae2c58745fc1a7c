;; Returns no bytes at all.
;; outcome: returned
;; value: end
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (data (i32.const 64) "")
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 64) (i32.const 0))))
