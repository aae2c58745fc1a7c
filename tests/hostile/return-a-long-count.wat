;; Returns a list that is said to have 2^60 items.
;; outcome: returned
;; value: promises more than there is
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (data (i32.const 64) "\9b\10\00\00\00\00\00\00\00\01")
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 64) (i32.const 10))))
