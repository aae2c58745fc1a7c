;; Fills and copies its whole memory over and over; a single instruction each takes long.
;; outcome: deadline
;; deadline-ms: 50
;; memory-mib: 512
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (drop (memory.grow (i32.const 8000)))
    (loop $forever
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 524000000))
      (memory.copy (i32.const 0) (i32.const 262000000) (i32.const 262000000))
      (br $forever))
    unreachable))
