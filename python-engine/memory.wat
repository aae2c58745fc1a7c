;; An extension module that gives CPython its allocator.
;;
;; CPython for WASI is built without its own allocator for small objects, and takes libc's for all. mimalloc is in it,
;; too, for builds without a GIL: programs that make many objects are up to a seventh quicker with it, and a small task
;; writes to fewer pages. But what it once took of linear memory for a block larger than its arenas it never gives back, so that a loop
;; over such blocks would end in a MemoryError. libc gives large blocks back, and makes them longer in place.
;;
;; So mimalloc is chosen before the interpreter begins, by an environment variable: the linker runs constructors first.
;; Then importing this module puts four functions in front of it, which send large blocks to libc. Both take whole pages
;; of linear memory, so a page is of one of them: $large has a byte for each, and is 1 where a large block begins.
(module
  (@dylink.0 (mem-info (memory 65696 4) (table 4 0)) (needed "libc.so" "libpython3.14.so"))
  (type $malloc (func (param i32 i32) (result i32)))
  (type $calloc (func (param i32 i32 i32) (result i32)))
  (type $realloc (func (param i32 i32 i32) (result i32)))
  (type $free (func (param i32 i32)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $functions i32))
  (import "env" "setenv" (func $setenv (param i32 i32 i32) (result i32)))
  (import "env" "malloc" (func $libc_malloc (param i32) (result i32)))
  (import "env" "calloc" (func $libc_calloc (param i32 i32) (result i32)))
  (import "env" "realloc" (func $libc_realloc (param i32 i32) (result i32)))
  (import "env" "free" (func $libc_free (param i32)))
  (import "env" "PyMem_GetAllocator" (func $PyMem_GetAllocator (param i32 i32)))
  (import "env" "PyMem_SetAllocator" (func $PyMem_SetAllocator (param i32 i32)))
  (import "env" "PyModule_Create2" (func $PyModule_Create2 (param i32 i32) (result i32)))
  (elem (global.get $functions) $malloc $calloc $realloc $free)

  ;; From the base on:
  ;;     0  a PyModuleDef, 52 bytes
  ;;    64  a PyMemAllocatorEx, 20 bytes: mimalloc's for objects
  ;;    84  another: mimalloc's for other memory
  ;;   104  another: the functions below
  ;;   124  strings
  ;;   160  $large: a byte for each page of linear memory
  (data (offset (i32.add (global.get $base) (i32.const 124)))
    "PYTHONMALLOC\00mimalloc\00spm_memory\00")

  (func (export "__wasm_call_ctors")
    (drop (call $setenv
      (i32.add (global.get $base) (i32.const 124))
      (i32.add (global.get $base) (i32.const 137))
      (i32.const 1))))

  (func (export "PyInit_spm_memory") (result i32)
    (call $put_before (i32.const 2) (i32.add (global.get $base) (i32.const 64)))
    (call $put_before (i32.const 1) (i32.add (global.get $base) (i32.const 84)))
    ;; m_name, and the m_size of what has state of its own.
    (i32.store offset=20 (global.get $base) (i32.add (global.get $base) (i32.const 146)))
    (i32.store offset=28 (global.get $base) (i32.const -1))
    (call $PyModule_Create2 (global.get $base) (i32.const 1013)))

  ;; Keeps a domain's allocator at `kept`, which is the context of ours.
  (func $put_before (param $domain i32) (param $kept i32)
    (call $PyMem_GetAllocator (local.get $domain) (local.get $kept))
    (i32.store offset=104 (global.get $base) (local.get $kept))
    (i32.store offset=108 (global.get $base) (global.get $functions))
    (i32.store offset=112 (global.get $base) (i32.add (global.get $functions) (i32.const 1)))
    (i32.store offset=116 (global.get $base) (i32.add (global.get $functions) (i32.const 2)))
    (i32.store offset=120 (global.get $base) (i32.add (global.get $functions) (i32.const 3)))
    (call $PyMem_SetAllocator
      (local.get $domain)
      (i32.add (global.get $base) (i32.const 104))))

  ;; Whether so many bytes are a large block: 256 KiB. mimalloc has all smaller ones in pages for many.
  (func $is_large (param $size i32) (result i32)
    (i32.ge_u (local.get $size) (i32.const 262144)))

  ;; The byte of $large, less 160, for the page of a block.
  (func $page (param $block i32) (result i32)
    (i32.add (global.get $base) (i32.shr_u (local.get $block) (i32.const 16))))

  ;; Marks a block of libc's, if it is one.
  (func $mark (param $block i32) (result i32)
    (if (local.get $block)
      (then (i32.store8 offset=160 (call $page (local.get $block)) (i32.const 1))))
    (local.get $block))

  (func $malloc (param $context i32) (param $size i32) (result i32)
    (if (call $is_large (local.get $size))
      (then (return (call $mark (call $libc_malloc (local.get $size))))))
    (call_indirect (type $malloc)
      (i32.load (local.get $context))
      (local.get $size)
      (i32.load offset=4 (local.get $context))))

  (func $calloc (param $context i32) (param $count i32) (param $size i32) (result i32)
    ;; Of a product beyond 32 bits, both make nothing.
    (if (call $is_large (i32.mul (local.get $count) (local.get $size)))
      (then (return (call $mark (call $libc_calloc (local.get $count) (local.get $size))))))
    (call_indirect (type $calloc)
      (i32.load (local.get $context))
      (local.get $count)
      (local.get $size)
      (i32.load offset=8 (local.get $context))))

  (func $realloc (param $context i32) (param $block i32) (param $size i32) (result i32)
    (local $new i32)
    (local $bytes i32)
    (if (i32.eqz (local.get $block))
      (then (return (call $malloc (local.get $context) (local.get $size)))))
    (if (i32.load8_u offset=160 (call $page (local.get $block)))
      (then
        (if (call $is_large (local.get $size))
          (then
            (local.set $new (call $libc_realloc (local.get $block) (local.get $size)))
            (if (local.get $new)
              (then (i32.store8 offset=160 (call $page (local.get $block)) (i32.const 0))))
            (return (call $mark (local.get $new))))))
      (else
        (if (i32.eqz (call $is_large (local.get $size)))
          (then
            (return (call_indirect (type $realloc)
              (i32.load (local.get $context))
              (local.get $block)
              (local.get $size)
              (i32.load offset=12 (local.get $context))))))))
    ;; From one to the other.
    (local.set $new (call $malloc (local.get $context) (local.get $size)))
    (if (i32.eqz (local.get $new)) (then (return (i32.const 0))))
    ;; How long the old block is, only mimalloc knows; to the end of memory is never less, and more does no harm.
    (local.set $bytes
      (i32.sub (i32.shl (memory.size) (i32.const 16)) (local.get $block)))
    (memory.copy
      (local.get $new)
      (local.get $block)
      (select
        (local.get $size)
        (local.get $bytes)
        (i32.lt_u (local.get $size) (local.get $bytes))))
    (call $free (local.get $context) (local.get $block))
    (local.get $new))

  (func $free (param $context i32) (param $block i32)
    (if (i32.load8_u offset=160 (call $page (local.get $block)))
      (then
        (i32.store8 offset=160 (call $page (local.get $block)) (i32.const 0))
        (call $libc_free (local.get $block)))
      (else
        (call_indirect (type $free)
          (i32.load (local.get $context))
          (local.get $block)
          (i32.load offset=16 (local.get $context)))))))
