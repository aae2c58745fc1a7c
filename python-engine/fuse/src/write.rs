//! The fused module, and the component around it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, CodeSection, ComponentAliasSection,
    ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstanceSection, Instruction,
    MemorySection, ModuleArg, RawSection, TableSection, TypeSection, ValType,
};
use wasmparser::{CanonicalFunction, FuncType, Operator, Parser, Payload, Validator, WasmFeatures};

use crate::FuseError;
use crate::component::{Around, Component, IMPORTS_TABLE, Instance, Item};
use crate::link::{Global, Linked, Target};
use crate::module::Kind;

/// What the fused module imports its functions from.
const OUTSIDE: &str = "outside";
const MEMORY: &str = "memory";
/// Number of a component's section that is a core module.
const MODULE_SECTION: u8 = 1;
/// The modules of the component, by their order.
const IMPORTS_MODULE: u32 = 0;
const FUSED_MODULE: u32 = 1;
const FILLING_MODULE: u32 = 2;

/// What all hosts take.
const FEATURES: WasmFeatures = WasmFeatures::WASM2.union(WasmFeatures::COMPONENT_MODEL);

/// Name of an exported function, which the component knows by a number.
fn export_name(item: u32) -> String {
    format!("function-{item}")
}

/// Function types, each once.
#[derive(Default)]
struct Types {
    section: TypeSection,
    index: BTreeMap<FuncType, u32>,
}

impl Types {
    fn index_of(&mut self, ty: &FuncType) -> Result<u32, FuseError> {
        if let Some(index) = self.index.get(ty) {
            return Ok(*index);
        }
        let written =
            RoundtripReencoder.func_type(ty.clone()).map_err(|error| unwritten(&error))?;
        self.section.ty().func_type(&written);
        let index = self.index.len() as u32;
        self.index.insert(ty.clone(), index);
        Ok(index)
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> FuseError {
    FuseError::Code(error.to_string())
}

/// Writes a module's code with the indices of the fused one.
struct Renumber<'a> {
    linked: &'a Linked,
    functions: &'a [Target],
    globals: &'a [Global],
    types: Vec<u32>,
}

impl Reencode for Renumber<'_> {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<Infallible>> {
        // What code names was reached from it.
        Ok(self.linked.index[&self.functions[index as usize]])
    }

    fn type_index(&mut self, index: u32) -> Result<u32, reencode::Error<Infallible>> {
        Ok(self.types[index as usize])
    }

    fn instruction<'b>(
        &mut self,
        operator: Operator<'b>,
    ) -> Result<Instruction<'b>, reencode::Error<Infallible>> {
        let global = match &operator {
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                Some(self.globals[*global_index as usize])
            }
            _ => None,
        };
        match (&operator, global) {
            // What is set is a variable.
            (_, Some(Global::Constant(value))) => Ok(Instruction::I32Const(value)),
            (Operator::GlobalSet { .. }, Some(Global::Variable(index))) => {
                Ok(Instruction::GlobalSet(index))
            }
            (_, Some(Global::Variable(index))) => Ok(Instruction::GlobalGet(index)),
            _ => reencode::utils::instruction(self, operator),
        }
    }
}

/// The fused module, without what its memory begins with.
pub(crate) fn code(component: &Component<'_>, linked: &Linked) -> Result<Vec<u8>, FuseError> {
    let mut types = Types::default();
    let mut imports = ImportSection::new();
    let imported = types_of_imports(component, linked);
    for item in &linked.imports {
        let ty = imported.get(item).ok_or(FuseError::unlike("a function without a type"))?;
        imports.import(OUTSIDE, &item.to_string(), EntityType::Function(types.index_of(ty)?));
    }
    let mut functions = FunctionSection::new();
    for (instance, index) in &linked.defined {
        functions.function(types.index_of(component.module(*instance).type_of(*index))?);
    }
    let mut globals = GlobalSection::new();
    for value in &linked.variables {
        let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(ty, &ConstExpr::i32_const(*value));
    }
    let (tables, memories) = tables_and_memories(component, linked)?;
    let mut exports = ExportSection::new();
    exports.export(MEMORY, ExportKind::Memory, 0);
    for (item, target) in &linked.exports {
        exports.export(&export_name(*item), ExportKind::Func, linked.index[target]);
    }
    let mut bodies = CodeSection::new();
    let mut renumber = BTreeMap::new();
    for instance in &linked.fused {
        let module = component.module(*instance);
        let of_module = module.types.iter().map(|ty| types.index_of(ty));
        let types = of_module.collect::<Result<_, _>>()?;
        let (functions, globals) = (&linked.functions[instance], &linked.globals[instance]);
        renumber.insert(*instance, Renumber { linked, functions, globals, types });
    }
    for (instance, index) in &linked.defined {
        let body = component.module(*instance).body(*index).clone();
        if let Some(renumber) = renumber.get_mut(instance) {
            renumber.parse_function_body(&mut bodies, body).map_err(|error| unwritten(&error))?;
        }
    }
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types.section)
        .section(&imports)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&elements(linked))
        .section(&bodies);
    Ok(module.finish())
}

/// A module of this code, with what its memory begins with. What is for people in it, such as names, is left out.
fn with_memory(
    code: &[u8],
    component: &Component<'_>,
    linked: &Linked,
) -> Result<Vec<u8>, FuseError> {
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(code) {
        let payload = payload.map_err(FuseError::Unfit)?;
        match &payload {
            Payload::CustomSection(_) => {}
            Payload::DataCountSection { .. } | Payload::DataSection(_) => {
                return Err(FuseError::unlike("code with data of its own"));
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    out.section(&RawSection { id, data: &code[range] });
                }
            }
        }
    }
    let mut data = DataSection::new();
    for instance in &linked.fused {
        for (offset, bytes) in &component.module(*instance).data {
            let offset = RoundtripReencoder.const_expr(offset.clone());
            data.active(0, &offset.map_err(|error| unwritten(&error))?, bytes.iter().copied());
        }
    }
    out.section(&data);
    Ok(out.finish())
}

/// The types of what remains to be imported, by item.
fn types_of_imports<'a>(
    component: &'a Component<'_>,
    linked: &Linked,
) -> BTreeMap<u32, &'a FuncType> {
    let mut types = BTreeMap::new();
    for (instance, targets) in &linked.functions {
        let module = component.module(*instance);
        for (target, index) in targets.iter().zip(0..module.imported(Kind::Function)) {
            if let Target::Outside(item) = target {
                types.insert(*item, module.type_of(index));
            }
        }
    }
    types
}

/// The one table and the one memory that there are. Nothing changes the table, so it stays as large as it is.
fn tables_and_memories(
    component: &Component<'_>,
    linked: &Linked,
) -> Result<(TableSection, MemorySection), FuseError> {
    let (mut tables, mut memories) = (TableSection::new(), MemorySection::new());
    for instance in &linked.fused {
        let module = component.module(*instance);
        for table in &module.tables {
            let mut table =
                RoundtripReencoder.table_type(*table).map_err(|error| unwritten(&error))?;
            table.maximum = Some(table.minimum);
            tables.table(table);
        }
        for memory in &module.memories {
            let memory =
                RoundtripReencoder.memory_type(*memory).map_err(|error| unwritten(&error))?;
            memories.memory(memory);
        }
        if !module.data.is_empty() && module.memories.is_empty() {
            return Err(FuseError::unlike("data of a module without a memory of its own"));
        }
    }
    if tables.len() != 1 || memories.len() != 1 {
        return Err(FuseError::unlike("other than one table and one memory"));
    }
    Ok((tables, memories))
}

/// What the table has, a segment for each run of places.
fn elements(linked: &Linked) -> ElementSection {
    let mut section = ElementSection::new();
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    for (place, target) in &linked.table {
        let function = linked.index[target];
        match runs.last_mut() {
            Some((begin, run)) if *begin + run.len() as u32 == *place => run.push(function),
            _ => runs.push((*place, vec![function])),
        }
    }
    for (begin, run) in runs {
        let offset = ConstExpr::i32_const(begin as i32);
        section.active(None, &offset, Elements::Functions(run.into()));
    }
    section
}

/// The component around the fused module, which has this code.
pub(crate) fn component(
    component: &Component<'_>,
    linked: &Linked,
    code: &[u8],
) -> Result<Vec<u8>, FuseError> {
    let fused = &with_memory(code, component, linked)?;
    let [imports, filling] = linked.shims.as_slice() else {
        return Err(FuseError::unlike("another table of imports"));
    };
    let Some(first_lift) =
        component.around.iter().position(|around| matches!(around, Around::Lift(_)))
    else {
        return Err(FuseError::unlike("no exports"));
    };
    let (before, after) = component.around.split_at(first_lift);
    let mut writer =
        Writer { component, out: wasm_encoder::Component::new(), functions: BTreeMap::new() };
    for around in before {
        writer.around(around)?;
    }
    for module in [component.module(*imports).bytes, fused, component.module(*filling).bytes] {
        writer.out.section(&RawSection { id: MODULE_SECTION, data: module });
    }
    let imports = writer.instantiate_imports();
    let fused = writer.instantiate_fused(linked, imports)?;
    writer.export_fused(linked, imports, fused);
    writer.fill_imports(*filling, fused)?;
    for around in after {
        writer.around(around)?;
    }
    let component = writer.out.finish();
    let mut validator = Validator::new_with_features(FEATURES);
    validator.validate_all(&component).map_err(FuseError::Unfit)?;
    Ok(component)
}

struct Writer<'a> {
    component: &'a Component<'a>,
    out: wasm_encoder::Component,
    /// Indices of core functions: new by old.
    functions: BTreeMap<u32, u32>,
}

impl Writer<'_> {
    fn around(&mut self, around: &Around<'_>) -> Result<(), FuseError> {
        match around {
            Around::Section(id, data) => {
                self.out.section(&RawSection { id: *id, data });
            }
            Around::Aliases(aliases) => {
                let mut section = ComponentAliasSection::new();
                for alias in aliases {
                    let alias = RoundtripReencoder.component_alias(alias.clone());
                    section.alias(alias.map_err(|error| unwritten(&error))?);
                }
                if !aliases.is_empty() {
                    self.out.section(&section);
                }
            }
            Around::Lift(function) => {
                let CanonicalFunction::Lift { core_func_index, type_index, options } = function
                else {
                    return Err(FuseError::unlike("a lift that is none"));
                };
                let mut section = CanonicalFunctionSection::new();
                section.lift(self.function(*core_func_index)?, *type_index, self.options(options)?);
                self.out.section(&section);
            }
        }
        Ok(())
    }

    fn function(&self, old: u32) -> Result<u32, FuseError> {
        self.functions.get(&old).copied().ok_or(FuseError::unlike("a function of no module"))
    }

    fn options(
        &self,
        options: &[wasmparser::CanonicalOption],
    ) -> Result<Vec<CanonicalOption>, FuseError> {
        let written = options.iter().map(|option| {
            Ok(match option {
                wasmparser::CanonicalOption::UTF8 => CanonicalOption::UTF8,
                wasmparser::CanonicalOption::Memory(0) => CanonicalOption::Memory(0),
                wasmparser::CanonicalOption::Realloc(function) => {
                    CanonicalOption::Realloc(self.function(*function)?)
                }
                wasmparser::CanonicalOption::PostReturn(function) => {
                    CanonicalOption::PostReturn(self.function(*function)?)
                }
                _ => return Err(FuseError::unlike("an unknown option")),
            })
        });
        written.collect()
    }

    /// Notes that the next core function is what `old` was.
    fn add_function(&mut self, old: u32) {
        let new = self.functions.len() as u32;
        self.functions.insert(old, new);
    }

    /// A function that the component model makes.
    fn canonical(&mut self, old: u32, function: usize) -> Result<(), FuseError> {
        let mut section = CanonicalFunctionSection::new();
        match &self.component.canonical[function] {
            CanonicalFunction::Lower { func_index, options } => {
                section.lower(*func_index, self.options(options)?);
            }
            CanonicalFunction::ResourceDrop { resource } => {
                section.resource_drop(*resource);
            }
            _ => return Err(FuseError::unlike("an unknown function")),
        }
        self.out.section(&section);
        self.add_function(old);
        Ok(())
    }

    /// The instance that has the table of imports.
    fn instantiate_imports(&mut self) -> u32 {
        let mut section = InstanceSection::new();
        section.instantiate(IMPORTS_MODULE, Vec::<(&str, ModuleArg)>::new());
        self.out.section(&section);
        0
    }

    fn instantiate_fused(&mut self, linked: &Linked, imports: u32) -> Result<u32, FuseError> {
        for old in &linked.imports {
            match self.component.item(Kind::Function, *old)? {
                Item::Export(_, name) => {
                    self.alias(imports, ExportKind::Func, name);
                    self.add_function(*old);
                }
                Item::Canonical(function) => self.canonical(*old, function)?,
            }
        }
        let mut items = Vec::new();
        for old in &linked.imports {
            items.push((old.to_string(), ExportKind::Func, self.function(*old)?));
        }
        let outside = imports + 1;
        let mut section = InstanceSection::new();
        section.export_items(items);
        section.instantiate(FUSED_MODULE, [(OUTSIDE, ModuleArg::Instance(outside))]);
        self.out.section(&section);
        Ok(outside + 1)
    }

    fn export_fused(&mut self, linked: &Linked, imports: u32, fused: u32) {
        self.alias(fused, ExportKind::Memory, MEMORY);
        self.alias(imports, ExportKind::Table, IMPORTS_TABLE);
        for old in linked.exports.keys() {
            self.alias(fused, ExportKind::Func, &export_name(*old));
            self.add_function(*old);
        }
    }

    fn alias(&mut self, instance: u32, kind: ExportKind, name: &str) {
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport { instance, kind, name });
        self.out.section(&section);
    }

    /// Fills the table of imports, with what needs the memory to be lowered.
    fn fill_imports(&mut self, filling: u32, fused: u32) -> Result<(), FuseError> {
        let unlike = || FuseError::unlike("another table of imports");
        let Instance::Of(_, arguments) = &self.component.instances[filling as usize] else {
            return Err(unlike());
        };
        let mut arguments = arguments.iter();
        let (Some((name, argument)), None) = (arguments.next(), arguments.next()) else {
            return Err(unlike());
        };
        let Instance::Items(items) = &self.component.instances[*argument as usize] else {
            return Err(unlike());
        };
        let mut written = Vec::new();
        for (name, (kind, old)) in items {
            match kind {
                Kind::Function => {
                    if !self.functions.contains_key(old) {
                        let Item::Canonical(function) =
                            self.component.item(Kind::Function, *old)?
                        else {
                            return Err(unlike());
                        };
                        self.canonical(*old, function)?;
                    }
                    written.push(((*name).to_owned(), ExportKind::Func, self.function(*old)?));
                }
                Kind::Table => written.push(((*name).to_owned(), ExportKind::Table, 0)),
                Kind::Memory | Kind::Global => return Err(unlike()),
            }
        }
        let mut section = InstanceSection::new();
        section.export_items(written);
        section.instantiate(FILLING_MODULE, [(*name, ModuleArg::Instance(fused + 1))]);
        self.out.section(&section);
        Ok(())
    }
}
