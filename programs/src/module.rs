//! What is known of a core module before it is joined with another.

use std::collections::BTreeMap;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ExternalKind, FuncType, KnownCustom, Name,
    NameSectionReader, Parser, Payload, TypeRef,
};

/// A core module, by its sections and what it exports and imports.
#[derive(Default)]
pub(crate) struct Module<'a> {
    pub(crate) sections: Vec<Payload<'a>>,
    /// Imported functions, in their order: module, name and type.
    pub(crate) imports: Vec<(&'a str, &'a str, u32)>,
    /// The first import that is no function.
    pub(crate) other_import: Option<(&'a str, &'a str, TypeRef)>,
    pub(crate) exports: BTreeMap<&'a str, u32>,
    /// Types, as far as they are of functions.
    pub(crate) types: Vec<Option<FuncType>>,
    /// Types of functions with bodies.
    pub(crate) functions: Vec<u32>,
    pub(crate) globals: u32,
    pub(crate) tables: u32,
    pub(crate) memories: u32,
    pub(crate) elements: u32,
    pub(crate) data: u32,
    pub(crate) counts_data: bool,
    pub(crate) start: Option<u32>,
    /// Names of functions with bodies, as far as it says them.
    pub(crate) names: Vec<(u32, &'a str)>,
}

impl<'a> Module<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(types) => {
                    for group in types.clone() {
                        for ty in group?.into_types() {
                            module.types.push(match ty.composite_type.inner {
                                CompositeInnerType::Func(function) => Some(function),
                                _ => None,
                            });
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(ty) => {
                                module.imports.push((import.module, import.name, ty));
                            }
                            other => {
                                let first = (import.module, import.name, other);
                                module.other_import.get_or_insert(first);
                            }
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    module.functions = functions.clone().into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TableSection(tables) => module.tables = tables.count(),
                Payload::MemorySection(memories) => module.memories = memories.count(),
                Payload::GlobalSection(globals) => module.globals = globals.count(),
                Payload::ElementSection(elements) => module.elements = elements.count(),
                Payload::DataSection(data) => module.data = data.count(),
                Payload::DataCountSection { .. } => module.counts_data = true,
                Payload::StartSection { func, .. } => module.start = Some(*func),
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            module.exports.insert(export.name, export.index);
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        module.names = function_names(names, module.imported());
                    }
                }
                _ => {}
            }
            module.sections.push(payload);
        }
        Ok(module)
    }

    pub(crate) fn imported(&self) -> u32 {
        self.imports.len() as u32
    }

    /// The type of a function.
    pub(crate) fn type_of(&self, function: u32) -> Option<&FuncType> {
        let ty = match self.imports.get(function as usize) {
            Some((_, _, ty)) => ty,
            None => self.functions.get((function - self.imported()) as usize)?,
        };
        self.types.get(*ty as usize)?.as_ref()
    }
}

/// Names of functions from an index on. What cannot be read of them is left out: they are for people only.
fn function_names(names: NameSectionReader<'_>, from: u32) -> Vec<(u32, &str)> {
    let functions = names.flatten().find_map(|names| match names {
        Name::Function(functions) => Some(functions),
        _ => None,
    });
    let functions = functions.into_iter().flatten().flatten();
    functions
        .map(|naming| (naming.index, naming.name))
        .filter(|(index, _)| *index >= from)
        .collect()
}
