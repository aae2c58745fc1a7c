//! What a component or core module consists of, for people: whether a host takes it is for [`super::check_component`] to say.

use std::collections::BTreeMap;
use std::fmt::Write;

use wasmparser::component_types::{
    ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentValType,
};
use wasmparser::types::TypesRef;
use wasmparser::{
    BinaryReaderError, Encoding, ExternalKind, ImportSectionReader, Parser, Payload, Validator,
};

use super::component::{PAGE_BYTES, features};
use crate::sandbox::{is_import_allowed, is_import_answered};

/// How much of a function's type is written: types can be nested so that their text is endless.
const TYPE_TEXT_MAX: usize = 200;

/// What was found in a file.
#[derive(Debug, Default)]
pub struct Contents {
    /// Whether it is a component, rather than a core module.
    pub is_component: bool,
    /// Bytes of code, that of all modules together, as all that follows is.
    pub code_bytes: u64,
    /// Bytes of data segments.
    pub data_bytes: u64,
    /// Bytes of custom sections, those of equal name together.
    pub custom_bytes: BTreeMap<String, u64>,
    /// Bytes of each core module, in order.
    pub modules: Vec<u64>,
    /// Functions of core modules.
    pub functions: u64,
    /// Bytes of each linear memory.
    pub memories: Vec<Range>,
    /// Elements of each table.
    pub tables: Vec<Range>,
    /// What it imports, its own inner modules not counted.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<Export>,
    /// Why it is not valid, if it is not.
    pub invalid: Option<BinaryReaderError>,
}

/// How much there is at first, and how much there may be, if that is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// At first.
    pub initial: u64,
    /// At most.
    pub maximum: Option<u64>,
}

/// An interface of a component, or a module that a core module imports from.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// Whether hosts let a component import it.
    pub is_allowed: bool,
    /// What is imported of it, and whether hosts answer a call of that.
    pub items: Vec<(String, bool)>,
}

/// What can be called or used from outside.
#[derive(Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Its type, as WIT has it.
    pub what: String,
}

/// Reads a component or core module. What is readable but not valid is described, too.
///
/// # Errors
/// If it cannot be read to its end.
pub fn contents(binary: &[u8]) -> Result<Contents, BinaryReaderError> {
    let mut found = Contents { is_component: Parser::is_component(binary), ..Contents::default() };
    found.read(binary)?;
    match Validator::new_with_features(features()).validate_all(binary) {
        Ok(types) if found.is_component => found.describe(types.as_ref()),
        Ok(_) => {}
        Err(error) => found.invalid = Some(error),
    }
    Ok(found)
}

impl Contents {
    fn read(&mut self, binary: &[u8]) -> Result<(), BinaryReaderError> {
        if !self.is_component {
            self.modules.push(binary.len() as u64);
        }
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(binary) {
            let payload = payload?;
            let bytes = payload.as_section().map_or(0, |(_, range)| range.len() as u64);
            match payload {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {
                    depth += 1;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ModuleSection { .. } => self.modules.push(bytes),
                Payload::CodeSectionStart { count, .. } => {
                    self.code_bytes += bytes;
                    self.functions += u64::from(count);
                }
                Payload::DataSection(_) => self.data_bytes += bytes,
                Payload::CustomSection(section) => {
                    *self.custom_bytes.entry(section.name().to_owned()).or_default() += bytes;
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory?;
                        self.memories.push(Range {
                            initial: memory.initial.saturating_mul(PAGE_BYTES),
                            maximum: memory.maximum.map(|pages| pages.saturating_mul(PAGE_BYTES)),
                        });
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        let ty = table?.ty;
                        self.tables.push(Range { initial: ty.initial, maximum: ty.maximum });
                    }
                }
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        let name = import?.name.name.to_owned();
                        let is_allowed = is_import_allowed(&name);
                        self.imports.push(Import { name, is_allowed, items: Vec::new() });
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        let export = export?;
                        let name = export.name.name.to_owned();
                        let what = format!("{:?}", export.kind).to_lowercase();
                        self.exports.push(Export { name, what });
                    }
                }
                Payload::ImportSection(imports) if !self.is_component => {
                    self.read_core_imports(imports)?;
                }
                Payload::ExportSection(exports) if !self.is_component => {
                    for export in exports {
                        let export = export?;
                        let name = export.name.to_owned();
                        self.exports.push(Export { name, what: core_kind(export.kind).to_owned() });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A core module's imports, those of one module together. A host would find what they are made of in a component.
    fn read_core_imports(
        &mut self,
        imports: ImportSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for import in imports.into_imports() {
            let import = import?;
            let place = *places.entry(import.module.to_owned()).or_insert(self.imports.len());
            if place == self.imports.len() {
                let name = import.module.to_owned();
                let is_allowed = is_import_allowed(&name);
                self.imports.push(Import { name, is_allowed, items: Vec::new() });
            }
            let found = &mut self.imports[place];
            let is_answered = found.is_allowed && is_import_answered(&found.name, import.name);
            found.items.push((import.name.to_owned(), is_answered));
        }
        Ok(())
    }

    /// Adds what only the types of a valid component say.
    fn describe(&mut self, types: TypesRef<'_>) {
        for import in &mut self.imports {
            let item = types.component_item_for_import(&import.name);
            let Some(ComponentEntityType::Instance(instance)) = item.map(|item| item.ty) else {
                continue;
            };
            for (name, item) in &types[instance].exports {
                if let ComponentEntityType::Func(_) = item.ty {
                    let is_answered = import.is_allowed && is_import_answered(&import.name, name);
                    import.items.push((name.clone(), is_answered));
                }
            }
        }
        for export in &mut self.exports {
            let item = types.component_item_for_export(&export.name);
            if let Some(ComponentEntityType::Func(function)) = item.map(|item| item.ty) {
                export.what.clear();
                write_function(&mut export.what, &types[function], types);
            }
        }
    }
}

const fn core_kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

fn write_function(text: &mut String, function: &ComponentFuncType, types: TypesRef<'_>) {
    text.push_str("func(");
    for (index, (name, ty)) in function.params.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{name}: ");
        write_type(text, *ty, types);
    }
    text.push(')');
    if let Some(result) = function.result {
        text.push_str(" -> ");
        write_type(text, result, types);
    }
}

fn write_type(text: &mut String, ty: ComponentValType, types: TypesRef<'_>) {
    if text.len() > TYPE_TEXT_MAX {
        text.push_str("...");
        return;
    }
    let id = match ty {
        ComponentValType::Primitive(primitive) => {
            let _ = write!(text, "{primitive}");
            return;
        }
        ComponentValType::Type(id) => id,
    };
    match &types[id] {
        ComponentDefinedType::Primitive(primitive) => {
            let _ = write!(text, "{primitive}");
        }
        ComponentDefinedType::List { element, .. } => {
            write_of(text, "list", &[Some(*element)], types);
        }
        ComponentDefinedType::Option { ty, .. } => write_of(text, "option", &[Some(*ty)], types),
        ComponentDefinedType::Result { ok, err, .. } => {
            write_of(text, "result", &[*ok, *err], types);
        }
        ComponentDefinedType::Tuple(tuple) => {
            let items: Vec<_> = tuple.types.iter().copied().map(Some).collect();
            write_of(text, "tuple", &items, types);
        }
        ComponentDefinedType::Record(_) => text.push_str("record"),
        ComponentDefinedType::Variant(_) => text.push_str("variant"),
        ComponentDefinedType::Flags(_) => text.push_str("flags"),
        ComponentDefinedType::Enum(_) => text.push_str("enum"),
        ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => text.push_str("resource"),
        ComponentDefinedType::Map { .. }
        | ComponentDefinedType::FixedLengthList { .. }
        | ComponentDefinedType::Future { .. }
        | ComponentDefinedType::Stream { .. } => text.push_str("..."),
    }
}

/// Writes a type that is made of others; of a `result` without a value, `_` stands for that.
fn write_of(text: &mut String, name: &str, of: &[Option<ComponentValType>], types: TypesRef<'_>) {
    text.push_str(name);
    text.push('<');
    for (index, ty) in of.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if text.len() > TYPE_TEXT_MAX {
            text.push_str("...");
            break;
        }
        match ty {
            Some(ty) => write_type(text, *ty, types),
            None => text.push('_'),
        }
    }
    text.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Contents {
        contents(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn parts_of_a_component_are_told_apart() {
        let found = read(
            r#"(component
                (import "wasi:cli/stdin@0.2.0" (instance
                    (export "get-environment" (func)) (export "read" (func))))
                (import "wasi:cli/environment@0.2.0" (instance
                    (export "get-environment" (func)) (export "other" (func))))
                (import "other:any/thing" (instance))
                (core module $m
                    (memory (export "memory") 2 3) (memory 1) (table 5 9 funcref)
                    (func (export "f") (param i32) (result i32) local.get 0) (func)
                    (data (i32.const 0) "some data") (@custom "mine" "12345"))
                (core instance $i (instantiate $m))
                (type $r (result (tuple u8 string) (error (list u8))))
                (func $f (param "a" u32) (result u32) (canon lift (core func $i "f")))
                (export "f" (func $f))
                (@custom "mine" "678"))"#,
        );
        assert!(found.is_component);
        assert!(found.invalid.is_none());
        assert_eq!((found.functions, found.modules.len()), (2, 1));
        let page = PAGE_BYTES;
        let range = |initial, maximum| Range { initial, maximum };
        assert_eq!(found.memories, [range(2 * page, Some(3 * page)), range(page, None)]);
        assert_eq!(found.tables, [range(5, Some(9))]);
        assert_eq!(found.custom_bytes["mine"], 5 + 5 + 5 + 3);
        assert!(found.data_bytes > 9 && found.code_bytes > 4);
        let text = |name: &str, is_answered| (name.to_owned(), is_answered);
        assert_eq!(found.imports[0].items, [text("get-environment", false), text("read", false)]);
        assert_eq!(found.imports[1].items, [text("get-environment", true), text("other", false)]);
        let allowed: Vec<_> = found.imports.iter().map(|import| import.is_allowed).collect();
        assert_eq!(allowed, [true, true, false]);
        let what = "func(a: u32) -> u32".to_owned();
        assert_eq!(found.exports, [Export { name: "f".to_owned(), what }]);
    }

    #[test]
    fn a_core_module_is_described_too() {
        let found = read(
            r#"(module (import "a" "x" (func)) (import "b" "y" (func)) (import "a" "z" (func))
                (memory (export "memory") 1))"#,
        );
        assert!(!found.is_component);
        let names: Vec<_> = found.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(found.imports[0].items.len(), 2);
        assert_eq!(found.exports[0].what, "memory");
    }

    #[test]
    fn the_text_of_a_large_type_is_cut() {
        let mut types = String::from("(type $t0 (tuple u8 u8))");
        for index in 1..14 {
            let inner = index - 1;
            write!(types, "(type $t{index} (tuple $t{inner} $t{inner}))").unwrap();
        }
        let found = read(&format!(
            r#"(component {types} (import "g" (func $g (param "a" $t13))) (export "f" (func $g)))"#
        ));
        assert!(found.invalid.is_none());
        let what = &found.exports[0].what;
        assert!(what.starts_with("func(a: tuple<tuple<") && what.contains("..."), "{what}");
        assert!(what.len() < 2 * TYPE_TEXT_MAX, "{} bytes", what.len());
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_an_error() {
        let whole = wat::parse_str("(module (func))").unwrap();
        for length in [0, 4, 9, whole.len() - 1] {
            assert!(contents(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
