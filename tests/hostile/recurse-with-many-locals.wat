;; Calls itself with 1000 values to keep in each frame.
;; outcome: trapped stack-exhausted
(module
  (memory (export "memory") 1)
  {world}
  (func $deeper (param $seed i64) (result i64) (local {{1000| i64 }})
    {{1000| (local.set {i+1} (i64.add (local.get {i}) (i64.const {i}))) }}
    (drop (call $deeper (local.get 1000)))
    (i64.const 0)
    {{1000| (local.get {i+1}) i64.xor }})
  (func (export "call") (param i32 i32) (result i32)
    (drop (call $deeper (i64.const 1))) unreachable))
