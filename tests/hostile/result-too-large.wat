;; Returns a list of 300 MiB, all of it its own.
;; outcome: trapped result-limit
;; memory-mib: 512
(module
  (memory (export "memory") 4801)
  {world}
  {return}
  (func (export "call") (param i32 i32) (result i32)
    (call $return (i32.const 0) (i32.const 314572800))))
