;; Exports no `call`.
;; outcome: refused does not export the function `call`
(component
  (core module $m (memory (export "memory") 1) {world} (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
    (canon lift (core func $i "define") (memory $i "memory") (realloc (func $i "cabi_realloc")))))
