;; Makes tasks of 16 MiB each without end.
;; outcome: trapped message-limit
;; manager: template
;; memory-mib: 64
(module
  (import "spm:closure/tree@0.1.0" "spawn" (func $spawn (param i32 i32 f64)))
  (memory (export "memory") 300)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (call $spawn (i32.const 0) (i32.const 16777216) (f64.const 1)) (br $more)) unreachable))
