//! Joins a program with the adapter.
//!
//! Functions of the joined module are, in this order: what it imports, those of the program, those of the adapter, a few
//! between the two, as those that copy from one memory to the other, and traps. The program's memory is the first, the
//! adapter's the second.

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, ImportSection, MemorySection,
    TableSection, TypeSection, ValType,
};
use wasmparser::Payload;

use crate::adapt::{Entry, Provided};
use crate::error::AdaptError;
use crate::module::Module;

/// What the adapter exports for the world.
const EXPORTS: [&str; 3] = ["cabi_realloc", "define", "call"];
/// The module name under which the adapter imports what is the program's.
const OF_PROGRAM: &str = "program";
const PROGRAM_MEMORY: u32 = 0;
const ADAPTER_MEMORY: u32 = 1;
const PAGE_BITS: i64 = 16;

/// A program and the adapter in one core module.
pub(crate) struct Joined {
    pub module: Vec<u8>,
    /// Index and name of the program's functions in it.
    pub functions: Vec<(u32, String)>,
}

/// The core module of both.
pub(crate) fn join(program: &Module<'_>, adapter: &Module<'_>) -> Result<Joined, AdaptError> {
    let places = Places::new(program, adapter)?;
    let mut sections = Sections::default();
    let failed = |error: reencode::Error<NoSuchItem>| AdaptError::Code(error.to_string());
    sections.add(program, &mut Renumber::of_program(&places)).map_err(failed)?;
    sections.add(adapter, &mut Renumber::of_adapter(program, &places)).map_err(failed)?;
    sections.add_bridges(program, adapter, &places)?;
    let mut imports = ImportSection::new();
    for (module, name, ty) in &places.imports {
        imports.import(module, name, EntityType::Function(ty + program.types.len() as u32));
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, ADAPTER_MEMORY);
    for name in EXPORTS {
        let index = adapter.exports.get(name).ok_or_else(|| missing(name))?;
        exports.export(name, ExportKind::Func, places.adapter[*index as usize]);
    }
    let mut module = wasm_encoder::Module::new();
    module
        .section(&sections.types)
        .section(&imports)
        .section(&sections.functions)
        .section(&sections.tables)
        .section(&sections.memories)
        .section(&sections.globals)
        .section(&exports)
        .section(&sections.elements);
    if program.counts_data || adapter.counts_data {
        module.section(&DataCountSection { count: program.data + adapter.data });
    }
    module.section(&sections.code).section(&sections.data);
    let place = |(index, name): &(u32, &str)| {
        Some((*places.program.get(*index as usize)?, (*name).to_owned()))
    };
    let functions = program.names.iter().filter_map(place).collect();
    Ok(Joined { module: module.finish(), functions })
}

fn missing(name: &str) -> AdaptError {
    AdaptError::World(format!("the adapter has no `{name}`"))
}

/// Functions between the two: what the adapter imports of the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bridge {
    /// Runs the program.
    Start,
    /// How large its memory is.
    Size,
    Read,
    Write,
    /// Lets it make room in its memory.
    MakeRoom,
}

/// Where functions of both modules are in the joined one.
struct Places<'a> {
    /// What remains to be imported: a module, a name, and the adapter's type.
    imports: Vec<(&'a str, &'a str, u32)>,
    program: Vec<u32>,
    adapter: Vec<u32>,
    /// Functions between the two, with their types in the adapter.
    bridges: Vec<(Bridge, u32)>,
    /// Functions that trap, by their types in the program.
    traps: Vec<u32>,
}

impl<'a> Places<'a> {
    fn new(program: &Module<'a>, adapter: &Module<'a>) -> Result<Self, AdaptError> {
        let is_worlds = |(module, _, _): &&(&str, &str, u32)| *module != OF_PROGRAM;
        let imports: Vec<_> = adapter.imports.iter().filter(is_worlds).copied().collect();
        let program_begins = imports.len() as u32;
        let adapter_begins = program_begins + program.functions.len() as u32;
        let bridges_begin = adapter_begins + adapter.functions.len() as u32;
        let bridged = adapter.imports.iter().filter(|(module, ..)| *module == OF_PROGRAM).count();
        let traps_begin = bridges_begin + bridged as u32;
        let mut places = Self {
            imports,
            program: Vec::new(),
            adapter: Vec::new(),
            bridges: Vec::new(),
            traps: Vec::new(),
        };
        for (module, name, ty) in &program.imports {
            let provided = Provided::find(module, name, adapter).ok_or_else(|| missing(name))?;
            let place = match provided {
                Provided::Function(function) => function
                    .checked_sub(adapter.imported())
                    .map(|function| adapter_begins + function),
                Provided::Trap => {
                    places.traps.push(*ty);
                    Some(traps_begin + places.traps.len() as u32 - 1)
                }
            };
            places.program.push(place.ok_or_else(|| missing(name))?);
        }
        let mut worlds = 0;
        for (module, name, ty) in &adapter.imports {
            if *module != OF_PROGRAM {
                places.adapter.push(worlds);
                worlds += 1;
                continue;
            }
            let bridge = match *name {
                "start" => Bridge::Start,
                "size" => Bridge::Size,
                "read" => Bridge::Read,
                "write" => Bridge::Write,
                "make_room" => Bridge::MakeRoom,
                _ => return Err(missing(name)),
            };
            places.adapter.push(bridges_begin + places.bridges.len() as u32);
            places.bridges.push((bridge, *ty));
        }
        places.program.extend(program_begins..adapter_begins);
        places.adapter.extend(adapter_begins..bridges_begin);
        Ok(places)
    }
}

/// Writes a module's indices as they are in the joined one.
struct Renumber<'a> {
    functions: &'a [u32],
    types: u32,
    globals: u32,
    tables: u32,
    memories: u32,
    elements: u32,
    data: u32,
}

impl<'a> Renumber<'a> {
    fn of_program(places: &'a Places<'_>) -> Self {
        let functions = &places.program;
        Self { functions, types: 0, globals: 0, tables: 0, memories: 0, elements: 0, data: 0 }
    }

    fn of_adapter(program: &Module<'_>, places: &'a Places<'_>) -> Self {
        Self {
            functions: &places.adapter,
            types: program.types.len() as u32,
            globals: program.globals,
            tables: program.tables,
            memories: program.memories,
            elements: program.elements,
            data: program.data,
        }
    }
}

type Renumbered = Result<u32, reencode::Error<NoSuchItem>>;

impl Reencode for Renumber<'_> {
    type Error = NoSuchItem;

    fn function_index(&mut self, index: u32) -> Renumbered {
        let found = self.functions.get(index as usize).copied();
        found.ok_or(reencode::Error::UserError(NoSuchItem))
    }

    fn type_index(&mut self, index: u32) -> Renumbered {
        Ok(index + self.types)
    }

    fn global_index(&mut self, index: u32) -> Renumbered {
        Ok(index + self.globals)
    }

    fn table_index(&mut self, index: u32) -> Renumbered {
        Ok(index + self.tables)
    }

    fn memory_index(&mut self, index: u32) -> Renumbered {
        Ok(index + self.memories)
    }

    fn element_index(&mut self, index: u32) -> Renumbered {
        Ok(index + self.elements)
    }

    fn data_index(&mut self, index: u32) -> Renumbered {
        Ok(index + self.data)
    }
}

/// The type of `cabi_realloc`.
fn realloc_type() -> wasmparser::FuncType {
    wasmparser::FuncType::new([wasmparser::ValType::I32; 4], [wasmparser::ValType::I32])
}

#[derive(Debug, thiserror::Error)]
#[error("it uses what is not there")]
struct NoSuchItem;

/// The sections of the joined module.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
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
    ) -> Result<(), reencode::Error<NoSuchItem>> {
        for payload in &module.sections {
            match payload {
                Payload::TypeSection(section) => {
                    renumber.parse_type_section(&mut self.types, section.clone())?;
                }
                Payload::FunctionSection(section) => {
                    renumber.parse_function_section(&mut self.functions, section.clone())?;
                }
                Payload::TableSection(section) => {
                    renumber.parse_table_section(&mut self.tables, section.clone())?;
                }
                Payload::MemorySection(section) => {
                    renumber.parse_memory_section(&mut self.memories, section.clone())?;
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
                    renumber.parse_data_section(&mut self.data, section.clone())?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds the functions between the two.
    fn add_bridges(
        &mut self,
        program: &Module<'_>,
        adapter: &Module<'_>,
        places: &Places<'_>,
    ) -> Result<(), AdaptError> {
        let types = program.types.len() as u32;
        for (bridge, ty) in &places.bridges {
            self.functions.function(types + ty);
            let mut function = Function::new([] as [(u32, ValType); 0]);
            let mut code = function.instructions();
            match bridge {
                Bridge::Start => {
                    // What an instance does when it is made belongs to the run.
                    if let Some(start) = program.start {
                        code.call(places.program[start as usize]);
                    }
                    match Entry::of(program).ok_or(AdaptError::NoStart)? {
                        Entry::Start(start) => {
                            code.call(places.program[start as usize]).i32_const(0);
                        }
                        Entry::Run { run, initialize } => {
                            if let Some(initialize) = initialize {
                                code.call(places.program[initialize as usize]);
                            }
                            code.call(places.program[run as usize]);
                        }
                    }
                }
                Bridge::MakeRoom => {
                    // What asks for it is a function that no program has without this one.
                    match program.exports.get("cabi_realloc") {
                        Some(realloc) if program.type_of(*realloc) == Some(&realloc_type()) => {
                            code.i32_const(0).i32_const(0).local_get(0).local_get(1);
                            code.call(places.program[*realloc as usize]);
                        }
                        _ => {
                            code.unreachable();
                        }
                    }
                }
                Bridge::Size => {
                    code.memory_size(PROGRAM_MEMORY).i64_extend_i32_u();
                    code.i64_const(PAGE_BITS).i64_shl();
                }
                Bridge::Read | Bridge::Write => {
                    code.local_get(0).local_get(1).local_get(2);
                    let (to, from) = match bridge {
                        Bridge::Read => (ADAPTER_MEMORY, PROGRAM_MEMORY),
                        _ => (PROGRAM_MEMORY, ADAPTER_MEMORY),
                    };
                    code.memory_copy(to, from);
                }
            }
            code.end();
            self.code.function(&function);
        }
        for ty in &places.traps {
            self.functions.function(*ty);
            let mut function = Function::new([] as [(u32, ValType); 0]);
            function.instructions().unreachable().end();
            self.code.function(&function);
        }
        debug_assert!(adapter.start.is_none());
        Ok(())
    }
}
