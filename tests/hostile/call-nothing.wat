;; Calls what its table does not have.
;; outcome: trapped bad-indirect-call
(module
  (memory (export "memory") 1)
  {world}
  (table 10 funcref)
  (func (export "call") (param i32 i32) (result i32)
    (call_indirect (i32.const 5)) unreachable))
