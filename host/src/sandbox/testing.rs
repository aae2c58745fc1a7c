//! Components for the tests of this folder.

use std::path::Path;

/// A component like an interpreter's, in small: what it does depends on its memory, on a global, and on how often it was
/// called. `define` fails for the payload `no`, and prints others. `call` answers `state`, `attempt`, `seed` or `clock`,
/// or does what its first byte says: `g`row memory, `t`rap, `p`rint, `w`rite to a page that had nothing. `state` has six
/// bytes: a counter in the image, one in a global, one that `define` counts up, one in a page without image, the
/// first byte of the payload, and the size of memory.
pub(super) fn counter(fields: &str) -> String {
    format!(
        r#"(component
          (import "spm:closure/log@0.1.0" (instance $log
            (export "print" (func (param "text" (list u8))))))
          (import "spm:closure/task@0.1.0" (instance $task
            (export "attempt" (func (result u32)))
            (export "seed" (func (result u64)))))
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (export "now" (func (result u64)))))
          (core module $memory
            (memory (export "memory") 4)
            (data (i32.const 16) "image")
            (data (i32.const 65536) "more"))
          (core instance $memory (instantiate $memory))
          (core func $print (canon lower (func $log "print") (memory $memory "memory")))
          (core func $attempt (canon lower (func $task "attempt")))
          (core func $seed (canon lower (func $task "seed")))
          (core func $now (canon lower (func $clock "now")))
          (core module $m
            (import "memory" "memory" (memory 4))
            (import "host" "print" (func $print (param i32 i32)))
            (import "host" "attempt" (func $attempt (result i32)))
            (import "host" "seed" (func $seed (result i64)))
            (import "host" "now" (func $now (result i64)))
            (global $count (mut i32) (i32.const 7))
            {fields}
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            ;; 4: counter in the image, 5: of define, 6: first byte of the payload; 196608: a page without image.
            (func (export "define") (param $at i32) (param $length i32) (result i32)
              (i32.store8 (i32.const 5) (i32.add (i32.load8_u (i32.const 5)) (i32.const 1)))
              (i32.store8 (i32.const 6) (i32.load8_u (local.get $at)))
              (i32.store8 (i32.const 196608) (i32.const 3))
              (global.set $count (i32.add (global.get $count) (i32.const 1)))
              (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 97)) (then (drop (call $attempt))))
              (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 115))
                (then (i64.store (i32.const 80) (call $seed))))
              (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 99)) (then (drop (call $now))))
              (call $print (local.get $at) (local.get $length))
              (i32.store8 (i32.const 32) (i32.eq (i32.load8_u (local.get $at)) (i32.const 110)))
              (i32.store (i32.const 36) (local.get $at))
              (i32.store (i32.const 40) (local.get $length))
              (i32.const 32))
            (func $result (param $at i32) (param $length i32) (result i32)
              (i32.store8 (i32.const 48) (i32.const 0))
              (i32.store (i32.const 52) (local.get $at))
              (i32.store (i32.const 56) (local.get $length))
              (i32.const 48))
            (func $state (result i32)
              (i32.store8 (i32.const 64) (i32.load8_u (i32.const 4)))
              (i32.store8 (i32.const 65) (global.get $count))
              (i32.store8 (i32.const 66) (i32.load8_u (i32.const 5)))
              (i32.store8 (i32.const 67) (i32.load8_u (i32.const 196608)))
              (i32.store8 (i32.const 68) (i32.load8_u (i32.const 6)))
              (i32.store8 (i32.const 69) (memory.size))
              (call $result (i32.const 64) (i32.const 6)))
            (func (export "call") (param $at i32) (param $length i32) (result i32)
              (local $what i32)
              (local.set $what (i32.load8_u (local.get $at)))
              (i32.store8 (i32.const 4) (i32.add (i32.load8_u (i32.const 4)) (i32.const 1)))
              (i32.store8 (i32.const 196608) (i32.add (i32.load8_u (i32.const 196608)) (i32.const 1)))
              (global.set $count (i32.add (global.get $count) (i32.const 1)))
              (if (i32.eq (local.get $what) (i32.const 103)) (then (drop (memory.grow (i32.const 1)))))
              (if (i32.eq (local.get $what) (i32.const 116)) (then unreachable))
              (if (i32.eq (local.get $what) (i32.const 112))
                (then (call $print (local.get $at) (local.get $length))))
              (if (i32.eq (local.get $what) (i32.const 119))
                (then (memory.fill (i32.const 131072) (i32.const 120) (i32.const 65536))))
              (if (i32.eq (local.get $what) (i32.const 97))
                (then
                  (i32.store (i32.const 72) (call $attempt))
                  (return (call $result (i32.const 72) (i32.const 1)))))
              (if (i32.eq (local.get $what) (i32.const 99))
                (then
                  (i64.store (i32.const 72) (call $now))
                  (return (call $result (i32.const 72) (i32.const 8)))))
              (if (i32.eq (local.get $what) (i32.const 100))
                (then (return (call $result (i32.const 80) (i32.const 1)))))
              (if (i32.eq (local.get $what) (i32.const 114))
                (then (return (call $result (i32.const 131072) (i32.const 1)))))
              (call $state)))
          (core instance $host
            (export "print" (func $print)) (export "attempt" (func $attempt))
            (export "seed" (func $seed)) (export "now" (func $now)))
          (core instance $i (instantiate $m
            (with "memory" (instance $memory)) (with "host" (instance $host))))
          (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
            (canon lift (core func $i "define") (memory $memory "memory") (realloc (func $i "realloc"))))
          (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
            (canon lift (core func $i "call") (memory $memory "memory") (realloc (func $i "realloc")))))"#
    )
}

/// The component that the project's build made, if it did.
pub(super) fn interpreter() -> Option<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python-bridge/python/spm/engines");
    std::fs::read(folder.join("python.wasm")).ok()
}
