;; Makes tasks without end.
;; outcome: trapped message-limit
;; manager: template
(module
  (import "spm:closure/tree@0.1.0" "spawn" (func $spawn (param i32 i32 f64)))
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32)
    (loop $more (call $spawn (i32.const 0) (i32.const 1) (f64.const nan)) (br $more)) unreachable))
