;; Returns what is no CBOR.
;; outcome: returned
;; value: byte 0
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (data (i32.const 64) "\ff\fe\fd")
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 64) (i32.const 3))))
