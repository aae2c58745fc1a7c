;; Ends after 2^64 calls, none of them deep.
;; outcome: deadline
;; deadline-ms: 50
(module
  (memory (export "memory") 1)
  {world}
  (func $level0)
  {{64| (func $level{i+1} (call $level{i}) (call $level{i})) }}
  (func (export "call") (param i32 i32) (result i32) (call $level64) unreachable))
