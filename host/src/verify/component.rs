//! What a component may contain, found by reading it once.

use spm_protocol::limits::{INSTANCES_MAX, MIB, TABLE_ELEMENTS_MAX};
use wasmparser::{
    ComponentExternalKind, ComponentInstance, ComponentTypeRef, Encoding, Instance, MemoryType,
    Parser, Payload, TableType, Validator, WasmFeatures,
};

use super::VerifyError;
use crate::sandbox::{Bounds, is_import_allowed};

/// How deep components may be nested in one another. The component tools nest two or three.
const NESTING_MAX: usize = 8;
/// Instances of components and modules that one component may make, those made by the components in it counted each
/// time. The count is never too low, and too high if components of different size are in it.
const EXPANDED_INSTANCES_MAX: u64 = 16 * INSTANCES_MAX as u64;
/// Bytes that a host needs for all instances of a component, beside their memories and tables: what they import, their
/// functions that can be named, their globals. No task's memory limit counts them. `CPython` takes a tenth of it.
const INSTANCE_BYTES_MAX: u64 = 64 * MIB as u64;
/// Bytes of that for what is imported, or a function, memory or table.
const ITEM_BYTES: u64 = 32;
/// Bytes of that for a global.
const GLOBAL_BYTES: u64 = 16;
/// Bytes of a page of linear memory.
pub(super) const PAGE_BYTES: u64 = 64 * 1024;

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
    /// It would be given components, so what it instantiates cannot be counted.
    #[error("component imports the component `{name}`: it must contain what it instantiates")]
    ComponentImport {
        /// The import.
        name: String,
    },
    /// Its instances would take more of the host's own memory than a task may.
    #[error(
        "component's instances take {bytes} bytes beside their memory, this host allows {limit}"
    )]
    Instances {
        /// How many, at most.
        bytes: u64,
        /// How many they may take.
        limit: u64,
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

/// Checks that `component` is valid, imports only what closures may, exports what they must, stays within the
/// `bounds` of its profile, and starts within `memory_bytes` of linear memory. Returns how much it starts with.
///
/// # Errors
/// Says the first thing that is wrong.
pub fn check_component(
    component: &[u8],
    bounds: Bounds,
    memory_bytes: u64,
) -> Result<u64, VerifyError> {
    let initial_bytes = check_limits(component, bounds, memory_bytes)?;
    validate(component)?;
    Ok(initial_bytes)
}

/// The same, but for whether it is valid. Takes no longer than to read it.
pub(crate) fn check_limits(
    component: &[u8],
    bounds: Bounds,
    memory_bytes: u64,
) -> Result<u64, VerifyError> {
    if Parser::is_core_wasm(component) {
        return Err(ComponentError::CoreModule.into());
    }
    let mut content = Content::default();
    content.read(component).and_then(|()| content.check(bounds))?;
    if content.memory_bytes > memory_bytes {
        return Err(VerifyError::Memory {
            asked_bytes: content.memory_bytes,
            allowed_bytes: memory_bytes,
        });
    }
    Ok(content.memory_bytes)
}

/// Checks that `component` is valid. A few lines can make that take long: types may be large, and compared often.
pub(crate) fn validate(component: &[u8]) -> Result<(), ComponentError> {
    Validator::new_with_features(features()).validate_all(component)?;
    Ok(())
}

/// What guests may use: what the engines are made for.
pub(super) fn features() -> WasmFeatures {
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
    /// Instances that one of each component and module would make that is not read to its end, outermost first.
    open: Vec<u64>,
    /// The same for the one that makes most of those that were read: any later instantiation may be of it.
    most: u64,
    /// Instances that one of the whole component makes at most, those in it included.
    expanded: u64,
    instances: u64,
    /// What an instance of the module that is being read takes, and one of the largest of those that were read.
    module_bytes: u64,
    largest_bytes: u64,
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
                    self.module_bytes = 0;
                    self.open.push(1);
                    at_most("nested components", self.open.len() as u64, NESTING_MAX as u64)?;
                }
                Payload::End(_) => {
                    self.expanded = self.open.pop().unwrap_or(0);
                    self.most = self.most.max(self.expanded);
                }
                Payload::ComponentImportSection(imports) => {
                    for import in imports {
                        let import = import?;
                        let name = || import.name.name.to_owned();
                        if self.open.len() == 1 && !is_import_allowed(import.name.name) {
                            return Err(ComponentError::ForbiddenImport { name: name() });
                        }
                        if let ComponentTypeRef::Component(_) = import.ty {
                            return Err(ComponentError::ComponentImport { name: name() });
                        }
                    }
                }
                Payload::ComponentInstanceSection(instances) => {
                    for instance in instances {
                        if let ComponentInstance::Instantiate { .. } = instance? {
                            self.add_instances(self.most);
                        }
                    }
                }
                Payload::ComponentExportSection(exports) if self.open.len() == 1 => {
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
                            self.add_instances(1);
                        }
                    }
                }
                Payload::ImportSection(imports) => self.add_items(imports.count(), ITEM_BYTES),
                Payload::FunctionSection(functions) => {
                    self.add_items(functions.count(), ITEM_BYTES);
                }
                Payload::GlobalSection(globals) => self.add_items(globals.count(), GLOBAL_BYTES),
                Payload::MemorySection(memories) => {
                    self.add_items(memories.count(), ITEM_BYTES);
                    for memory in memories {
                        self.add_memory(memory?);
                    }
                }
                Payload::TableSection(tables) => {
                    self.add_items(tables.count(), ITEM_BYTES);
                    for table in tables {
                        self.add_table(table?.ty);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds instances to what the component that is being read makes.
    fn add_instances(&mut self, count: u64) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(count);
        }
    }

    /// Adds what an instance of the module that is being read takes.
    fn add_items(&mut self, count: u32, bytes: u64) {
        self.module_bytes += u64::from(count) * bytes;
        self.largest_bytes = self.largest_bytes.max(self.module_bytes);
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

    fn check(&self, bounds: Bounds) -> Result<(), ComponentError> {
        at_most("core instances", self.instances, u64::from(bounds.core_instances))?;
        at_most("instances in one another", self.expanded, EXPANDED_INSTANCES_MAX)?;
        at_most("memories", self.memories, u64::from(bounds.memories))?;
        at_most("tables", self.tables, u64::from(bounds.tables))?;
        at_most("elements in a table", self.table_elements, TABLE_ELEMENTS_MAX as u64)?;
        let bytes = self.expanded.saturating_mul(self.largest_bytes);
        if bytes > INSTANCE_BYTES_MAX {
            return Err(ComponentError::Instances { bytes, limit: INSTANCE_BYTES_MAX });
        }
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
