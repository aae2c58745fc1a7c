;; Never ends while its closure is defined.
;; outcome: deadline
;; deadline-ms: 50
;; payload: a payload
(module
  (memory (export "memory") 1)
  (func (export "define") (param i32 i32) (result i32) (loop $forever (br $forever)) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "call") (param i32 i32) (result i32) unreachable))
