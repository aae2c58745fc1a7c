;; Never ends, and is given little fuel.
;; outcome: out-of-fuel
;; fuel: 100000
(module
  (memory (export "memory") 1)
  {world}
  (func (export "call") (param i32 i32) (result i32) (loop $forever (br $forever)) unreachable))
