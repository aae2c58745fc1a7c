//! The core module: user functions, what they reach of the runtime, and their data.

use std::collections::{BTreeMap, BTreeSet};

use spm_protocol::lines::LineEntry;
use spm_protocol::outcome::CodePoint;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, Encode, EntityType, ExportKind, ExportSection,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};

use super::data::{Descriptor, Layout};
use super::runtime::{Function, Runtime, Target};
use super::{LinkError, Op, UserFunction, UserModule, entry};
use crate::abi::kind;

/// Global 0 counts nested calls, see [`crate::abi::DEPTH_GLOBAL`]; global 1 is the stack pointer.
const STACK_POINTER: u32 = 1;
/// The variant of a runtime function for closures without dicts and sets.
const FLAT: &str = "__flat";
/// The variant of a runtime function for closures without classes.
const PLAIN: &str = "__plain";
/// The module of imports that are functions of the closure's own, see [`UserModule::callbacks`].
const OWN: &str = "spm:own";
/// The module of imports that are instructions of floats, see [`instruction`].
const INSTRUCTION: &str = "spm:instruction";
/// What calls a function.
const CALL: u8 = 0x10;
/// The variant for closures whose values are no floats where a type has to be looked up.
const WHOLE: &str = "__whole";
/// The variant for closures without str and bytes.
const MUTE: &str = "__mute";
/// The variant for closures without unions.
const SOLE: &str = "__sole";

/// A linked core module.
pub(super) struct CoreModule {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The line table's entries.
    pub lines: Vec<LineEntry>,
}

/// What is taken from the runtime.
struct Reached {
    /// Imports and functions, by index in the runtime, with their replacements resolved.
    functions: BTreeSet<u32>,
    segments: BTreeSet<u32>,
    has_stack: bool,
    /// Which function stands in for which.
    instead: BTreeMap<u32, u32>,
}

impl Reached {
    fn resolve(&self, function: u32) -> u32 {
        self.instead.get(&function).copied().unwrap_or(function)
    }
}

/// Functions that have a smaller variant of this kind.
fn variants<'a>(
    runtime: &'a Runtime,
    suffix: &'static str,
) -> impl Iterator<Item = (u32, u32)> + 'a {
    runtime.exports.iter().filter_map(move |(name, &small)| {
        let full = runtime.exports.get(name.strip_suffix(suffix)?)?;
        Some((*full, small))
    })
}

/// The smaller variants that a closure can do with.
fn instead(module: &UserModule) -> Result<BTreeMap<u32, u32>, LinkError> {
    let runtime = Runtime::get();
    let mut instead = BTreeMap::new();
    if !has_tables(module)? {
        instead.extend(variants(runtime, FLAT));
    }
    if module.callbacks.is_empty() {
        instead.extend(variants(runtime, PLAIN));
    }
    for (suffix, kinds) in
        [(WHOLE, &[kind::FLOAT][..]), (MUTE, &[kind::STR, kind::BYTES]), (SOLE, &[kind::UNION])]
    {
        if !has_kinds(module, kinds)? {
            instead.extend(variants(runtime, suffix));
        }
    }
    Ok(instead)
}

/// The function of the closure's own that an import stands for.
fn own(module: &UserModule, import: u32) -> Option<u32> {
    let import = Runtime::get().imports.get(import as usize).filter(|it| it.module == OWN)?;
    module.callbacks.get(import.name).copied()
}

/// The instruction that an import stands for.
fn instruction(import: u32) -> Option<Instruction<'static>> {
    let import = Runtime::get().imports.get(import as usize)?;
    (import.module == INSTRUCTION && import.name == "f64.sqrt").then_some(Instruction::F64Sqrt)
}

/// Whether a descriptor is that of one of some kinds: exceptions may have some as arguments.
fn has_kinds(module: &UserModule, kinds: &[u32]) -> Result<bool, LinkError> {
    for &descriptor in &module.descriptors {
        if kinds.contains(&Descriptor::new(module, descriptor)?.kind()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a closure can come to have a dict or set.
fn has_tables(module: &UserModule) -> Result<bool, LinkError> {
    let uses = |op: &Op| match op {
        Op::Runtime(name) => {
            ["dict_", "set_", "table_"].iter().any(|start| name.starts_with(start))
        }
        _ => false,
    };
    if module.functions.iter().any(|function| function.body.iter().any(uses)) {
        return Ok(true);
    }
    for &descriptor in &module.descriptors {
        if Descriptor::new(module, descriptor)?.is_table() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn reach(module: &UserModule, functions: &[&UserFunction]) -> Result<Reached, LinkError> {
    let runtime = Runtime::get();
    let mut reached = Reached {
        functions: BTreeSet::new(),
        segments: BTreeSet::new(),
        has_stack: false,
        instead: instead(module)?,
    };
    let mut pending = vec![reached.resolve(exported("cabi_realloc")?)];
    for op in functions.iter().flat_map(|function| &function.body) {
        if let Op::Runtime(name) = op {
            pending.push(reached.resolve(exported(name)?));
        }
    }
    let mut pending_segments = Vec::new();
    loop {
        let references = if let Some(index) = pending.pop() {
            let is_other = own(module, index).is_some() || instruction(index).is_some();
            if is_other || !reached.functions.insert(index) {
                continue;
            }
            match (index as usize).checked_sub(runtime.imports.len()) {
                Some(defined) => &runtime.functions[defined].references,
                None => continue,
            }
        } else if let Some(index) = pending_segments.pop() {
            if !reached.segments.insert(index) {
                continue;
            }
            &runtime.segments[index as usize].references
        } else {
            return Ok(reached);
        };
        for reference in references {
            match reference.target {
                Target::Function(index) => pending.push(reached.resolve(index)),
                Target::StackPointer => reached.has_stack = true,
                Target::Type(_) => {}
                Target::Memory { segment, .. } | Target::MemoryWord { segment, .. } => {
                    pending_segments.push(segment);
                }
            }
        }
    }
}

/// Index of a function in the runtime.
fn exported(name: &'static str) -> Result<u32, LinkError> {
    let found = Runtime::get().exports.get(name).copied();
    found.ok_or(LinkError::UnknownRuntime(name))
}

/// Types in order of first use.
#[derive(Default)]
struct Types {
    section: TypeSection,
    known: BTreeMap<(Vec<u8>, Vec<u8>), u32>,
}

impl Types {
    fn index(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let key = |types: &[ValType]| {
            let mut bytes = Vec::new();
            for val_type in types {
                val_type.encode(&mut bytes);
            }
            bytes
        };
        let next = self.known.len() as u32;
        *self.known.entry((key(params), key(results))).or_insert_with(|| {
            self.section.ty().function(params.iter().copied(), results.iter().copied());
            next
        })
    }

    /// The type of a function of the runtime.
    fn of_runtime(&mut self, function: u32) -> u32 {
        let runtime = Runtime::get();
        self.of_runtime_type(runtime.type_of(function))
    }

    fn of_runtime_type(&mut self, index: u32) -> u32 {
        let found = &Runtime::get().types[index as usize];
        let convert = |types: &[wasmparser::ValType]| -> Vec<ValType> {
            types.iter().map(|val_type| converted(*val_type)).collect()
        };
        self.index(&convert(found.params()), &convert(found.results()))
    }
}

fn converted(val_type: wasmparser::ValType) -> ValType {
    match val_type {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        // The runtime is compiled from Rust without reference types.
        wasmparser::ValType::Ref(_) => ValType::FUNCREF,
    }
}

/// New indices.
struct Numbers<'a> {
    reached: &'a Reached,
    runtime: BTreeMap<u32, u32>,
    first_user: u32,
    user_count: u32,
    layout: &'a Layout,
}

/// Builds the module.
pub(super) fn build(module: &UserModule) -> Result<CoreModule, LinkError> {
    let runtime = Runtime::get();
    let (call, define) = (entry::call(module)?, entry::define());
    let functions: Vec<&UserFunction> = module.functions.iter().chain([&call, &define]).collect();
    let reached = reach(module, &functions)?;
    let layout = Layout::new(module, reached.segments.iter().copied(), reached.has_stack)?;

    // Imports come first, then the user's functions, then those of the runtime.
    let is_import = |index: &&u32| (**index as usize) < runtime.imports.len();
    let imports: Vec<u32> = reached.functions.iter().filter(is_import).copied().collect();
    let first_user = imports.len() as u32;
    let first_runtime = first_user + functions.len() as u32;
    let mut numbers = BTreeMap::new();
    for (number, &index) in (0..).zip(&imports) {
        numbers.insert(index, number);
    }
    let defined: Vec<u32> =
        reached.functions.iter().filter(|index| !is_import(index)).copied().collect();
    for (number, &index) in (first_runtime..).zip(&defined) {
        numbers.insert(index, number);
    }
    for index in 0..runtime.imports.len() as u32 {
        if let Some(function) = own(module, index) {
            numbers.insert(index, first_user + function);
        }
    }
    let numbers = Numbers {
        reached: &reached,
        runtime: numbers,
        first_user,
        user_count: module.functions.len() as u32,
        layout: &layout,
    };

    let mut types = Types::default();
    let mut import_section = ImportSection::new();
    for &index in &imports {
        let import = &runtime.imports[index as usize];
        let type_index = types.of_runtime(index);
        import_section.import(import.module, import.name, EntityType::Function(type_index));
    }
    let mut function_section = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut lines = Vec::new();
    for (number, function) in (first_user..).zip(&functions) {
        function_section.function(types.index(&function.params, &function.results));
        code.raw(&encode_user(function, number, module, &numbers, &mut lines)?);
    }
    for &index in &defined {
        let function = &runtime.functions[index as usize - runtime.imports.len()];
        function_section.function(types.of_runtime(index));
        code.raw(&copy_body(function, &numbers, &mut types));
    }

    let mut linked = Module::new();
    linked.section(&types.section);
    if !imports.is_empty() {
        linked.section(&import_section);
    }
    linked
        .section(&function_section)
        .section(&memory_section(&layout))
        .section(&global_section(module, &reached, &layout))
        .section(&export_section(&numbers, functions.len() as u32)?)
        .section(&code)
        .section(&data_section(&layout, module)?);
    Ok(CoreModule { bytes: linked.finish(), lines })
}

fn memory_section(layout: &Layout) -> MemorySection {
    let mut section = MemorySection::new();
    section.memory(MemoryType {
        minimum: u64::from(layout.pages()),
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    section
}

fn global_section(module: &UserModule, reached: &Reached, layout: &Layout) -> GlobalSection {
    let mut section = GlobalSection::new();
    let mutable = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    section.global(mutable, &ConstExpr::i32_const(module.recursion_limit.cast_signed()));
    if reached.has_stack {
        section.global(mutable, &ConstExpr::i32_const(layout.stack_top.cast_signed()));
    }
    section
}

fn export_section(numbers: &Numbers<'_>, user_functions: u32) -> Result<ExportSection, LinkError> {
    let mut section = ExportSection::new();
    let realloc = numbers.runtime[&numbers.reached.resolve(exported("cabi_realloc")?)];
    let define = numbers.first_user + user_functions - 1;
    section
        .export("memory", ExportKind::Memory, 0)
        .export("cabi_realloc", ExportKind::Func, realloc)
        .export("call", ExportKind::Func, define - 1)
        .export("define", ExportKind::Func, define);
    Ok(section)
}

fn data_section(layout: &Layout, module: &UserModule) -> Result<DataSection, LinkError> {
    let mut section = DataSection::new();
    for (address, bytes) in layout.contents(module)? {
        section.active(0, &ConstExpr::i32_const(address.cast_signed()), bytes);
    }
    Ok(section)
}

/// Encodes a user function, and notes where its sites begin.
fn encode_user(
    function: &UserFunction,
    number: u32,
    module: &UserModule,
    numbers: &Numbers<'_>,
    lines: &mut Vec<LineEntry>,
) -> Result<Vec<u8>, LinkError> {
    let mut body = Vec::new();
    let mut runs: Vec<(u32, ValType)> = Vec::new();
    for &local in &function.locals {
        match runs.last_mut() {
            Some((count, val_type)) if *val_type == local => *count += 1,
            _ => runs.push((1, local)),
        }
    }
    runs.len().encode(&mut body);
    for (count, val_type) in runs {
        count.encode(&mut body);
        val_type.encode(&mut body);
    }
    let mut site = None;
    let locals_end = body.len();
    for op in &function.body {
        let mut instruction = |instruction: &Instruction<'_>, body: &mut Vec<u8>| {
            if let Some(site) = site.take() {
                // A host may stop a guest on its way into a function, before any instruction.
                let offset = if body.len() == locals_end { 0 } else { body.len() as u32 };
                let at = CodePoint { function: number, offset };
                lines.push(LineEntry { at, site });
            }
            instruction.encode(body);
        };
        match op {
            Op::Wasm(plain) => instruction(plain, &mut body),
            Op::Call(index) if *index < numbers.user_count => {
                instruction(&Instruction::Call(numbers.first_user + index), &mut body);
            }
            Op::Call(index) => {
                return Err(LinkError::Missing { what: "function", index: *index });
            }
            Op::Runtime(name) => {
                let index = numbers.runtime[&numbers.reached.resolve(exported(name)?)];
                instruction(&Instruction::Call(index), &mut body);
            }
            Op::Address(blob) => {
                let address = numbers.layout.blob(*blob)?.cast_signed();
                instruction(&Instruction::I32Const(address), &mut body);
            }
            Op::Site(index) if (*index as usize) < module.sites.len() => site = Some(*index),
            Op::Site(index) => return Err(LinkError::Missing { what: "site", index: *index }),
        }
    }
    Ok(body)
}

/// Copies a body of the runtime, with new numbers where it refers to something, and with NaNs replaced.
fn copy_body(function: &Function, numbers: &Numbers<'_>, types: &mut Types) -> Vec<u8> {
    let mut copy = Copy::new(function);
    for reference in &function.references {
        copy.up_to(reference.at);
        copy.copied += reference.length;
        let body = &mut copy.body;
        match reference.target {
            Target::Function(index) => match instruction(index) {
                Some(instruction) => {
                    debug_assert_eq!(body.last(), Some(&CALL), "nothing but calls of instructions");
                    body.pop();
                    instruction.encode(body);
                }
                None => numbers.runtime[&numbers.reached.resolve(index)].encode(body),
            },
            Target::Type(index) => types.of_runtime_type(index).encode(body),
            Target::StackPointer => STACK_POINTER.encode(body),
            Target::Memory { segment, offset, signed: false } => {
                numbers.layout.address(segment, offset).encode(body);
            }
            Target::Memory { segment, offset, signed: true } => {
                numbers.layout.address(segment, offset).cast_signed().encode(body);
            }
            Target::MemoryWord { segment, offset } => {
                body.extend(numbers.layout.address(segment, offset).to_le_bytes());
            }
        }
    }
    copy.up_to(function.body.len());
    copy.body
}

/// A body of the runtime that is being copied.
struct Copy<'a> {
    function: &'a Function,
    /// Places where NaNs are replaced that are still to come.
    nans: &'a [(usize, bool)],
    body: Vec<u8>,
    /// How much of the function's body was copied.
    copied: usize,
    /// The local that NaNs of 32 bits pass through, and that of 64 bits.
    scratch: [u32; 2],
}

impl<'a> Copy<'a> {
    /// Begins with the locals.
    fn new(function: &'a Function) -> Self {
        let body = Vec::with_capacity(function.body.len());
        let nans = &*function.nans;
        let mut copy = Self { function, nans, body, copied: 0, scratch: [0; 2] };
        if !function.nans.is_empty() {
            copy.locals();
        }
        copy
    }

    /// The locals, and those that NaNs pass through.
    fn locals(&mut self) {
        let (groups, mut at) = leb(self.function.body, 0);
        let types = &Runtime::get().types[self.function.type_index as usize];
        let mut count = types.params().len() as u32;
        let first = at;
        for _ in 0..groups {
            let (more, end) = leb(self.function.body, at);
            count += more;
            // A type of numbers is one byte.
            at = end + 1;
        }
        let is_used = [false, true].map(|wide| self.nans.iter().any(|nan| nan.1 == wide));
        (groups + u32::from(is_used[0]) + u32::from(is_used[1])).encode(&mut self.body);
        self.body.extend_from_slice(&self.function.body[first..at]);
        self.copied = at;
        for (wide, ty) in [ValType::F32, ValType::F64].into_iter().enumerate() {
            if is_used[wide] {
                self.body.push(1);
                ty.encode(&mut self.body);
                self.scratch[wide] = count;
                count += 1;
            }
        }
    }

    fn up_to(&mut self, end: usize) {
        while let Some((&(at, is_wide), rest)) = self.nans.split_first().filter(|nan| nan.0.0 < end)
        {
            self.body.extend_from_slice(&self.function.body[self.copied..at]);
            self.copied = at;
            self.nans = rest;
            let scratch = self.scratch[usize::from(is_wide)];
            for instruction in replacement(scratch, is_wide) {
                instruction.encode(&mut self.body);
            }
        }
        self.body.extend_from_slice(&self.function.body[self.copied..end]);
        self.copied = end;
    }
}

/// An unsigned number, and where it ends.
fn leb(bytes: &[u8], mut at: usize) -> (u32, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        value |= u32::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte < 0x80 {
            return (value, at);
        }
    }
}

/// Puts the canonical NaN in the place of any on the stack. Hosts know it by these very instructions.
pub(crate) fn replacement(scratch: u32, is_wide: bool) -> [Instruction<'static>; 6] {
    let (nan, is_equal) = if is_wide {
        (Instruction::F64Const(f64::from_bits(0x7ff8_0000_0000_0000).into()), Instruction::F64Eq)
    } else {
        (Instruction::F32Const(f32::from_bits(0x7fc0_0000).into()), Instruction::F32Eq)
    };
    let value = Instruction::LocalGet(scratch);
    [Instruction::LocalTee(scratch), nan, value.clone(), value, is_equal, Instruction::Select]
}
