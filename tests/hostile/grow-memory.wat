;; Takes memory as long as it gets some, and then aborts.
;; outcome: out-of-memory
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable))
