;; Has its host compare two types of 200000 fields, 300 times.
;; outcome: returned
(component
  (component $c
    (type $t0 (tuple u8 u8))
    {{17| (type $t{i+1} (tuple $t{i} $t{i})) }}
    (import "f" (func (param "large" $t17))))
  (type $t0 (tuple u8 u8))
  {{17| (type $t{i+1} (tuple $t{i} $t{i})) }}
  (import "wasi:io/anything@0.2.0" (instance $wasi
    (alias outer 1 $t17 (type $large))
    (export "f" (func (param "large" $large)))))
  (alias export $wasi "f" (func $f))
  {{300| (instance (instantiate $c (with "f" (func $f)))) }}
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
