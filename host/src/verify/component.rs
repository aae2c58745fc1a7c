//! What a component may contain, found by reading it once.

use spm_protocol::limits::{INSTANCES_MAX, TABLE_ELEMENTS_MAX};
use wasmparser::{
    ComponentExternalKind, Encoding, Instance, MemoryType, Parser, Payload, TableType, Validator,
    WasmFeatures,
};

use super::VerifyError;
use crate::sandbox::{MEMORIES_MAX, TABLES_MAX, is_import_allowed};

/// How deep components may be nested in one another. The component tools nest two or three.
const NESTING_MAX: usize = 8;
/// Bytes of a page of linear memory.
const PAGE_BYTES: u64 = 64 * 1024;

/// Why a component is not one that a host takes.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// Not valid WebAssembly.
    #[error("component is not valid WebAssembly: {0}")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// A core module alone.
    #[error("a core module is not a component")]
    CoreModule,
    /// It imports what no closure may.
    #[error("forbidden import `{name}`")]
    ForbiddenImport {
        /// The import.
        name: String,
    },
    /// An export of the world is missing.
    #[error("component does not export the function `{name}` of the world `spm:closure/closure`")]
    MissingExport {
        /// The export.
        name: &'static str,
    },
    /// It has more of something than a task may.
    #[error("component has {count} {what}, this host allows {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: u64,
        /// How many it may have.
        limit: u64,
    },
}

/// Checks that `component` is valid, imports only what closures may, exports what they must, and starts within
/// `memory_bytes` of linear memory. Returns how much it starts with.
///
/// # Errors
/// Says the first thing that is wrong.
pub fn check_component(component: &[u8], memory_bytes: u64) -> Result<u64, VerifyError> {
    if Parser::is_core_wasm(component) {
        return Err(ComponentError::CoreModule.into());
    }
    let mut content = Content::default();
    content.read(component).and_then(|()| content.check())?;
    if content.memory_bytes > memory_bytes {
        return Err(VerifyError::Memory {
            asked_bytes: content.memory_bytes,
            allowed_bytes: memory_bytes,
        });
    }
    Validator::new_with_features(features())
        .validate_all(component)
        .map_err(ComponentError::Invalid)?;
    Ok(content.memory_bytes)
}

/// What guests may use: what the engines are made for.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::default();
    features.remove(WasmFeatures::THREADS);
    features.remove(WasmFeatures::SHARED_EVERYTHING_THREADS);
    features.remove(WasmFeatures::RELAXED_SIMD);
    features.remove(WasmFeatures::MEMORY64);
    features.remove(WasmFeatures::WIDE_ARITHMETIC);
    features
}

/// What was found in a component.
#[derive(Default)]
struct Content {
    depth: usize,
    instances: u64,
    memories: u64,
    memory_bytes: u64,
    tables: u64,
    table_elements: u64,
    has_define: bool,
    has_call: bool,
}

impl Content {
    fn read(&mut self, component: &[u8]) -> Result<(), ComponentError> {
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {
                    self.depth += 1;
                    at_most("nested components", self.depth as u64, NESTING_MAX as u64)?;
                }
                Payload::End(_) => self.depth -= 1,
                Payload::ComponentImportSection(imports) if self.depth == 1 => {
                    for import in imports {
                        let name = import?.name.name;
                        if !is_import_allowed(name) {
                            return Err(ComponentError::ForbiddenImport { name: name.to_owned() });
                        }
                    }
                }
                Payload::ComponentExportSection(exports) if self.depth == 1 => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ComponentExternalKind::Func {
                            self.has_define |= export.name.name == "define";
                            self.has_call |= export.name.name == "call";
                        }
                    }
                }
                Payload::InstanceSection(instances) => {
                    for instance in instances {
                        if let Instance::Instantiate { .. } = instance? {
                            self.instances += 1;
                        }
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        self.add_memory(memory?);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        self.add_table(table?.ty);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_memory(&mut self, memory: MemoryType) {
        self.memories += 1;
        let bytes = memory.initial.saturating_mul(PAGE_BYTES);
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
    }

    fn add_table(&mut self, table: TableType) {
        self.tables += 1;
        self.table_elements = self.table_elements.max(table.initial);
    }

    fn check(&self) -> Result<(), ComponentError> {
        at_most("core instances", self.instances, INSTANCES_MAX as u64)?;
        at_most("memories", self.memories, u64::from(MEMORIES_MAX))?;
        at_most("tables", self.tables, u64::from(TABLES_MAX))?;
        at_most("elements in a table", self.table_elements, TABLE_ELEMENTS_MAX as u64)?;
        match (self.has_define, self.has_call) {
            (true, true) => Ok(()),
            (false, _) => Err(ComponentError::MissingExport { name: "define" }),
            (_, false) => Err(ComponentError::MissingExport { name: "call" }),
        }
    }
}

fn at_most(what: &'static str, count: u64, limit: u64) -> Result<(), ComponentError> {
    if count > limit { Err(ComponentError::TooMany { what, count, limit }) } else { Ok(()) }
}
