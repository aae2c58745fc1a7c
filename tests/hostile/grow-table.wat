;; Takes table elements as long as it gets some, and then aborts.
;; outcome: trapped unreachable
(module
  (memory (export "memory") 1)
  {world}
  (table $table 1 funcref)
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1))))
    unreachable))
