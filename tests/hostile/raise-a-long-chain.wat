;; Raises an exception whose cause has a cause, and so on, 100000 times.
;; outcome: raised
;; record: chained too deep
(module
  (import "spm:closure/fault@0.1.0" "raise" (func $raise (param i32 i32)))
  (memory (export "memory") 20)
  (data (i32.const 64) "")
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (local $at i32)
    (loop $more
      (i32.store (i32.add (i32.const 64) (local.get $at)) (i32.const 0x040000a2))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $at) (i32.const 400000))))
    (call $raise (i32.const 64) (i32.const 400000)) unreachable))
