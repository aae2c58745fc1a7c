;; Returns, and aborts when the host says that it has read the result.
;; outcome: trapped unreachable
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1)))
  (func (export "cabi_post_call") (param i32) unreachable))
