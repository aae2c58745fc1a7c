;; Returns a tag of a tag of a tag, a million times.
;; outcome: returned
;; value: an array expected
(module
  (memory (export "memory") 20)
  {world}
  {return}
  (data (i32.const 64) "")
  (func (export "call") (param i32 i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0xc4) (i32.const 1000000))
    (call $return (i32.const 64) (i32.const 1000000))))
