;; Returns, and never ends when the host says that it has read the result.
;; outcome: deadline
;; deadline-ms: 50
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1)))
  (func (export "cabi_post_call") (param i32) (loop $forever (br $forever))))
