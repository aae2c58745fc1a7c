;; Never ends.
;; outcome: deadline
;; deadline-ms: 50
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32) (loop $forever (br $forever)) unreachable))
