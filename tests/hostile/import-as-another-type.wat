;; Says that what it prints is text, which hosts do not.
;; outcome: refused imports are not those of its interfaces
(component
  (import "spm:closure/log@0.1.0" (instance (export "print" (func (param "text" string)))))
  (core module $m
    (memory (export "memory") 1)
    {world}
    (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
