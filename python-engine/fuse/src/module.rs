//! A core module, as it is read.

use std::collections::BTreeMap;

use wasmparser::{
    CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FuncType,
    FunctionBody, GlobalType, MemoryType, Parser, Payload, TableType, TypeRef,
};

use crate::FuseError;

/// What a module can import and export here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Function,
    Table,
    Memory,
    Global,
}

impl TryFrom<ExternalKind> for Kind {
    type Error = FuseError;

    fn try_from(kind: ExternalKind) -> Result<Self, FuseError> {
        match kind {
            ExternalKind::Func => Ok(Self::Function),
            ExternalKind::Table => Ok(Self::Table),
            ExternalKind::Memory => Ok(Self::Memory),
            ExternalKind::Global => Ok(Self::Global),
            ExternalKind::Tag | ExternalKind::FuncExact => Err(FuseError::unlike("exceptions")),
        }
    }
}

/// A core module. Indices are its own, imports first.
#[derive(Default)]
pub(crate) struct Module<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: BTreeMap<Kind, Vec<(&'a str, &'a str)>>,
    /// The type of each function.
    pub(crate) functions: Vec<u32>,
    /// Those that it defines.
    pub(crate) globals: Vec<(GlobalType, ConstExpr<'a>)>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) exports: BTreeMap<&'a str, (Kind, u32)>,
    /// Functions that it puts into its table, and from where on.
    pub(crate) elements: Vec<(ConstExpr<'a>, Vec<u32>)>,
    pub(crate) data: Vec<(ConstExpr<'a>, &'a [u8])>,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Module<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, FuseError> {
        let mut module = Self { bytes, ..Self::default() };
        for payload in Parser::new(0).parse_all(bytes) {
            module.add(payload?)?;
        }
        Ok(module)
    }

    /// How many of a kind it imports.
    pub(crate) fn imported(&self, kind: Kind) -> u32 {
        self.imports.get(&kind).map_or(0, Vec::len) as u32
    }

    /// The type of a function.
    pub(crate) fn type_of(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    /// The body of a function that is not imported.
    pub(crate) fn body(&self, function: u32) -> &FunctionBody<'a> {
        &self.bodies[(function - self.imported(Kind::Function)) as usize]
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<(), FuseError> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    for ty in group?.into_types() {
                        let CompositeInnerType::Func(ty) = ty.composite_type.inner else {
                            return Err(FuseError::unlike("types other than functions'"));
                        };
                        self.types.push(ty);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let kind = match import.ty {
                        TypeRef::Func(ty) => {
                            self.functions.push(ty);
                            Kind::Function
                        }
                        TypeRef::Table(_) => Kind::Table,
                        TypeRef::Memory(_) => Kind::Memory,
                        TypeRef::Global(_) => Kind::Global,
                        _ => return Err(FuseError::unlike("exceptions")),
                    };
                    self.imports.entry(kind).or_default().push((import.module, import.name));
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    self.globals.push((global.ty, global.init_expr));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports.insert(export.name, (export.kind.try_into()?, export.index));
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let element = element?;
                    let (
                        ElementKind::Active { table_index: None | Some(0), offset_expr },
                        ElementItems::Functions(functions),
                    ) = (element.kind, element.items)
                    else {
                        return Err(FuseError::unlike("elements that code puts into tables"));
                    };
                    let functions = functions.into_iter().collect::<Result<_, _>>()?;
                    self.elements.push((offset_expr, functions));
                }
            }
            Payload::DataSection(data) => {
                for data in data {
                    let data = data?;
                    let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                        return Err(FuseError::unlike("data that code puts into memory"));
                    };
                    self.data.push((offset_expr, data.data));
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::StartSection { .. } => {
                return Err(FuseError::unlike("modules that run when they are instantiated"));
            }
            Payload::DataCountSection { .. } => {
                return Err(FuseError::unlike("data that code names"));
            }
            Payload::TagSection(_) => return Err(FuseError::unlike("exceptions")),
            _ => {}
        }
        Ok(())
    }
}
