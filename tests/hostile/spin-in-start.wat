;; Never ends, before anything of it was called.
;; outcome: deadline
;; deadline-ms: 50
(module
  (memory (export "memory") 1)
  {world}
  (func $start (loop $forever (br $forever)))
  (start $start)
  (func (export "call") (param i32 i32) (result i32) unreachable))
