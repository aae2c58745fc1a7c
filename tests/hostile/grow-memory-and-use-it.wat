;; Takes all the memory it gets, writes to each page, and then aborts.
;; outcome: out-of-memory
;; memory-mib: 512
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32) (local $old i32)
    (loop $more
      (local.set $old (memory.grow (i32.const 16)))
      (if (i32.ne (local.get $old) (i32.const -1))
        (then
          (memory.fill (i32.shl (local.get $old) (i32.const 16)) (i32.const 1) (i32.const 1048576))
          (br $more))))
    unreachable))
