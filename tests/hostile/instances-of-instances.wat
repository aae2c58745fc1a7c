;; Makes a million instances in seven lines: ten in each of ten in each of ten, and so on.
;; outcome: refused instances in one another, this host allows 1024
(component
  (component $a (core module $m) (core instance (instantiate $m)))
  (component $b
    (component $a (core module $m) (core instance (instantiate $m)))
    {{10| (instance (instantiate $a)) }})
  (component $c
    (component $b
      (component $a (core module $m) (core instance (instantiate $m)))
      {{100| (instance (instantiate $a)) }})
    {{100| (instance (instantiate $b)) }})
  {{100| (instance (instantiate $c)) }}
  (core module $m (memory (export "memory") 1) {world} (func (export "call") (param i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  {lifts})
