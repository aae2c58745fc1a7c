//! Components of the world `spm:closure/closure`, written as text.

/// What a guest is made of; each part has a harmless default.
pub struct Guest<'a> {
    /// Fields of the core module: functions, tables, globals, start.
    pub fields: &'a str,
    /// Body of `call`, which may use `$pointer` and `$length`; it leaves the pointer to its result.
    pub call: &'a str,
    /// Body of `define`; likewise.
    pub define: &'a str,
    /// Body of `realloc`; it leaves a pointer to `$size` bytes.
    pub realloc: &'a str,
    /// Pages of memory at the start.
    pub pages: u32,
    /// Fields of the component before the core module is instantiated.
    pub imports: &'a str,
    /// What the core module is instantiated with.
    pub with: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            fields: "",
            call: "(call $return (local.get $pointer) (local.get $length))",
            define: "(call $return (i32.const 0) (i32.const 0))",
            realloc: "(global.get $next) (global.set $next (i32.add (global.get $next) (local.get $size)))",
            pages: 1,
            imports: "",
            with: "",
        }
    }
}

impl Guest<'_> {
    pub fn text(&self) -> String {
        let Self { fields, call, define, realloc, pages, imports, with } = self;
        format!(
            r#"(component
              {imports}
              (core module $memory
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 1024))
                (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
                  (result i32) {realloc}))
              (core instance $memory (instantiate $memory))
              (alias core export $memory "memory" (core memory $heap))
              (alias core export $memory "realloc" (core func $realloc))
              {with}
              (core module $main
                (import "memory" "memory" (memory {pages}))
                {fields}
                (func $return (param $pointer i32) (param $length i32) (result i32)
                  (i32.store (i32.const 0) (i32.const 0))
                  (i32.store (i32.const 4) (local.get $pointer))
                  (i32.store (i32.const 8) (local.get $length))
                  (i32.const 0))
                (func (export "define") (param $pointer i32) (param $length i32) (result i32) {define})
                (func (export "call") (param $pointer i32) (param $length i32) (result i32) {call}))
              (core instance $main (instantiate $main (with "memory" (instance $memory)) {imported}))
              (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
                (canon lift (core func $main "define") (memory $heap) (realloc $realloc)))
              (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
                (canon lift (core func $main "call") (memory $heap) (realloc $realloc))))"#,
            imported = if with.is_empty() { "" } else { r#"(with "host" (instance $host))"# },
        )
    }

    pub fn component(&self) -> Vec<u8> {
        wat::parse_str(self.text()).expect("the guest is well-formed")
    }
}

/// Returns its arguments.
pub fn echo() -> Vec<u8> {
    Guest::default().component()
}

/// A guest whose `call` has this body.
pub fn calling(call: &str) -> Vec<u8> {
    Guest { call, ..Guest::default() }.component()
}
