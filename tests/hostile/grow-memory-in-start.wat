;; Takes memory as long as it gets some, before anything of it was called.
;; outcome: out-of-memory
(module
  (memory (export "memory") 1)
  {world}
  (func $start
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable)
  (start $start)
  (func (export "call") (param i32 i32) (result i32) unreachable))
