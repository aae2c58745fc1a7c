;; Has its memory moved each time that the host asks where to write.
;; outcome: returned
;; memory-mib: 512
(module
  (memory (export "memory") 1)
  {return}
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.shl (memory.grow (i32.const 1000)) (i32.const 16)))
  (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
