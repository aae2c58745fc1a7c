;; Asks for 4 GiB at once, and goes on when it does not get them.
;; outcome: returned
(module
  (memory (export "memory") 1)
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32)
    (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))
    (call $return (local.get 0) (local.get 1))))
