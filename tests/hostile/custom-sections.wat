;; Has custom sections of SPM's and of others with nonsense in them.
;; outcome: returned
(component
  (@custom "spm:lines" "\ff\ff\ff\ff\ff nonsense")
  (@custom "spm:signature" "\9f")
  (@custom "" "\00\1b[2J")
  (@custom "component-name" "\ff\ff\ff\ff\ff")
  (core module $m
    (memory (export "memory") 1)
    {world}
    {return}
    (@custom "name" "\ff\ff\ff\ff\ff")
    (@custom "producers" "\ff\ff\ff\ff\ff")
    (func (export "call") (param i32 i32) (result i32) (call $return (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  {lifts})
