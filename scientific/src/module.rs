//! What is known of a core module before it is joined with another.

use std::collections::BTreeMap;

use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

use crate::JoinError;

/// A core module, by its sections and what it exports and imports.
pub(crate) struct Module<'a> {
    pub(crate) sections: Vec<Payload<'a>>,
    /// Imported functions, in their order: module, name and type.
    pub(crate) imports: Vec<(&'a str, &'a str, u32)>,
    pub(crate) exported_functions: BTreeMap<&'a str, u32>,
    /// Globals by their names, with their values.
    pub(crate) exported_globals: BTreeMap<&'a str, u32>,
    pub(crate) types: u32,
    pub(crate) globals: u32,
    /// Functions with bodies.
    pub(crate) defined: u32,
    /// Pages of memory it begins with.
    pub(crate) pages: u64,
    /// Whether the memory is its own.
    pub(crate) has_memory: bool,
    /// Whether it fills a table.
    pub(crate) has_elements: bool,
}

impl<'a> Module<'a> {
    /// Reads a module. `what` is named in errors.
    pub(crate) fn read(what: &'static str, bytes: &'a [u8]) -> Result<Self, JoinError> {
        let mut module = Self {
            sections: Vec::new(),
            imports: Vec::new(),
            exported_functions: BTreeMap::new(),
            exported_globals: BTreeMap::new(),
            types: 0,
            globals: 0,
            defined: 0,
            pages: 0,
            has_memory: false,
            has_elements: false,
        };
        let mut values = Vec::new();
        let mut exports = Vec::new();
        let invalid = |source| JoinError::Invalid { what, source };
        let unlike = |part| JoinError::Unlike { what, part };
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(invalid)?;
            match &payload {
                Payload::TypeSection(types) => {
                    for group in types.clone() {
                        let group = group.map_err(invalid)?;
                        module.types += group.into_types().count() as u32;
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        let import = import.map_err(invalid)?;
                        match import.ty {
                            TypeRef::Func(ty) => {
                                module.imports.push((import.module, import.name, ty));
                            }
                            TypeRef::Memory(memory) => module.pages = memory.initial,
                            _ => return Err(unlike("an import that is no function")),
                        }
                    }
                }
                Payload::FunctionSection(functions) => module.defined = functions.count(),
                Payload::MemorySection(memories) => {
                    for memory in memories.clone() {
                        if module.has_memory {
                            return Err(unlike("two memories"));
                        }
                        module.has_memory = true;
                        module.pages = memory.map_err(invalid)?.initial;
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals.clone() {
                        let global = global.map_err(invalid)?;
                        let mut operators = global.init_expr.get_operators_reader();
                        values.push(match operators.read().map_err(invalid)? {
                            Operator::I32Const { value } => Some(value as u32),
                            _ => None,
                        });
                    }
                    module.globals = values.len() as u32;
                }
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        exports.push(export.map_err(invalid)?);
                    }
                }
                Payload::ElementSection(elements) => module.has_elements = elements.count() > 0,
                Payload::DataCountSection { .. } => return Err(unlike("segments that code uses")),
                Payload::StartSection { .. } => return Err(unlike("a start function")),
                _ => {}
            }
            module.sections.push(payload);
        }
        for export in exports {
            match export.kind {
                ExternalKind::Func => {
                    module.exported_functions.insert(export.name, export.index);
                }
                ExternalKind::Global => {
                    if let Some(Some(value)) = values.get(export.index as usize) {
                        module.exported_globals.insert(export.name, *value);
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }

    pub(crate) fn imported(&self) -> u32 {
        self.imports.len() as u32
    }
}
