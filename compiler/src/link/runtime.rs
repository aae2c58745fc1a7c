//! The guest runtime, as the linker sees it: functions and data with what they refer to.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use wasmparser::{
    BinaryReaderError, DataKind, ExternalKind, FuncType, KnownCustom, Linking, Parser, Payload,
    RelocationEntry, RelocationType, SymbolInfo, TypeRef,
};

/// The module that the build script made.
static MODULE: &[u8] = include_bytes!(env!("SPM_GUEST_RUNTIME"));

/// Where the build script found that it shows NaNs: function, place in its body, and bits, each of four bytes.
static NANS: &[u8] = include_bytes!(env!("SPM_GUEST_NANS"));

/// Why the embedded module is not what the build script makes.
#[derive(Debug, thiserror::Error)]
enum RuntimeError {
    #[error("malformed WebAssembly")]
    Malformed(#[from] BinaryReaderError),
    #[error("{0}")]
    Unsupported(&'static str),
}

/// What a place in code or data refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A function or imported function, by index.
    Function(u32),
    /// A type, by index.
    Type(u32),
    /// The stack pointer: the one global that code uses.
    StackPointer,
    /// A place in a segment. Signed LEB (constants) or unsigned (offsets of loads and stores).
    Memory { segment: u32, offset: u32, signed: bool },
    /// The same as four bytes in data.
    MemoryWord { segment: u32, offset: u32 },
}

/// A relocation: where it is within its function's body or its segment, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    pub at: usize,
    pub length: usize,
    pub target: Target,
}

/// A function: its type, its body as in the module, and what that refers to, in order.
pub(super) struct Function {
    pub type_index: u32,
    pub body: &'static [u8],
    pub references: Vec<Reference>,
    /// Where a NaN has to be replaced that is on the stack, and whether it is one of 64 bits, in order.
    pub nans: Vec<(usize, bool)>,
}

/// A data segment.
pub(super) struct Segment {
    pub bytes: &'static [u8],
    pub alignment: u32,
    pub references: Vec<Reference>,
}

/// A function the runtime imports.
pub(super) struct Import {
    pub module: &'static str,
    pub name: &'static str,
    pub type_index: u32,
}

/// The parsed runtime.
pub(super) struct Runtime {
    pub types: Vec<FuncType>,
    pub imports: Vec<Import>,
    pub functions: Vec<Function>,
    pub segments: Vec<Segment>,
    pub exports: BTreeMap<&'static str, u32>,
}

impl Runtime {
    /// The runtime, parsed at its first use.
    ///
    /// # Panics
    /// If the module that was built into this crate is not what the build script makes.
    pub fn get() -> &'static Self {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        RUNTIME.get_or_init(|| parse(MODULE).expect("the embedded runtime is a linked module"))
    }

    /// Type of a function or import.
    pub fn type_of(&self, function: u32) -> u32 {
        match self.imports.get(function as usize) {
            Some(import) => import.type_index,
            None => self.functions[function as usize - self.imports.len()].type_index,
        }
    }
}

/// A symbol that relocations name.
#[derive(Clone, Copy)]
enum Symbol {
    Function(u32),
    Data { segment: u32, offset: u32 },
    Other,
}

/// What is collected before references can be assigned.
#[derive(Default)]
struct Parts {
    types: Vec<FuncType>,
    imports: Vec<Import>,
    type_indices: Vec<u32>,
    exports: BTreeMap<&'static str, u32>,
    code_start: usize,
    code_section: u32,
    data_start: usize,
    bodies: Vec<(usize, &'static [u8])>,
    segments: Vec<(usize, &'static [u8])>,
    alignments: Vec<u32>,
    symbols: Vec<Symbol>,
    relocations: Vec<(u32, Vec<RelocationEntry>)>,
}

fn parse(module: &'static [u8]) -> Result<Runtime, RuntimeError> {
    let mut parts = Parts::default();
    let mut section = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        read(&mut parts, &payload, section)?;
        let is_section = !matches!(
            payload,
            Payload::Version { .. } | Payload::CodeSectionEntry(_) | Payload::End(_)
        );
        section += u32::from(is_section);
    }
    assemble(parts)
}

fn read(parts: &mut Parts, payload: &Payload<'static>, section: u32) -> Result<(), RuntimeError> {
    match payload {
        Payload::TypeSection(reader) => {
            for group in reader.clone().into_iter_err_on_gc_types() {
                parts.types.push(group?);
            }
        }
        Payload::ImportSection(reader) => {
            for import in reader.clone().into_imports() {
                let import = import?;
                if let TypeRef::Func(type_index) = import.ty {
                    let (module, name) = (import.module, import.name);
                    parts.imports.push(Import { module, name, type_index });
                }
            }
        }
        Payload::FunctionSection(reader) => {
            for type_index in reader.clone() {
                parts.type_indices.push(type_index?);
            }
        }
        Payload::ExportSection(reader) => {
            for export in reader.clone() {
                let export = export?;
                if export.kind == ExternalKind::Func {
                    parts.exports.insert(export.name, export.index);
                }
            }
        }
        Payload::CodeSectionStart { range, .. } => {
            parts.code_start = range.start;
            parts.code_section = section;
        }
        Payload::CodeSectionEntry(body) => {
            let range = body.range();
            parts.bodies.push((range.start, &MODULE[range]));
        }
        Payload::DataSection(reader) => {
            parts.data_start = reader.range().start;
            for data in reader.clone() {
                let data = data?;
                if let DataKind::Active { .. } = data.kind {
                    parts.segments.push((data.range.end - data.data.len(), data.data));
                }
            }
        }
        Payload::CustomSection(reader) => match reader.as_known() {
            KnownCustom::Linking(linking) => read_linking(parts, linking.subsections())?,
            KnownCustom::Reloc(reloc) => {
                let entries =
                    reloc.entries().into_iter().collect::<Result<_, BinaryReaderError>>()?;
                parts.relocations.push((reloc.section_index(), entries));
            }
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

fn read_linking(
    parts: &mut Parts,
    subsections: wasmparser::Subsections<'static, Linking<'static>>,
) -> Result<(), RuntimeError> {
    for subsection in subsections {
        match subsection? {
            Linking::SegmentInfo(segments) => {
                for segment in segments {
                    parts.alignments.push(segment?.alignment);
                }
            }
            Linking::SymbolTable(symbols) => {
                for symbol in symbols {
                    parts.symbols.push(match symbol? {
                        SymbolInfo::Func { index, .. } => Symbol::Function(index),
                        SymbolInfo::Data { symbol: Some(data), .. } => {
                            Symbol::Data { segment: data.index, offset: data.offset }
                        }
                        _ => Symbol::Other,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Gives every body and segment its references.
fn assemble(parts: Parts) -> Result<Runtime, RuntimeError> {
    let mut functions: Vec<_> = parts
        .bodies
        .iter()
        .zip(&parts.type_indices)
        .map(|(&(_, body), &type_index)| Function {
            type_index,
            body,
            references: Vec::new(),
            nans: Vec::new(),
        })
        .collect();
    let mut segments: Vec<_> = parts
        .segments
        .iter()
        .zip(parts.alignments.iter().chain(std::iter::repeat(&4)))
        .map(|(&(_, bytes), &alignment)| Segment { bytes, alignment, references: Vec::new() })
        .collect();
    for (section, entries) in &parts.relocations {
        let is_code = *section == parts.code_section;
        let (start, areas) = if is_code {
            (parts.code_start, &parts.bodies)
        } else {
            (parts.data_start, &parts.segments)
        };
        for entry in entries {
            let place = start + entry.offset as usize;
            let after = areas.partition_point(|&(from, _)| from <= place);
            let Some(index) = after.checked_sub(1) else {
                return Err(RuntimeError::Unsupported("a relocation outside of code and data"));
            };
            let (from, bytes) = areas[index];
            let length = entry.ty.extent();
            if place + length > from + bytes.len() {
                return Err(RuntimeError::Unsupported("a relocation across a border"));
            }
            let target = target(entry, &parts.symbols)?;
            let references = if is_code {
                &mut functions[index].references
            } else {
                &mut segments[index].references
            };
            references.push(Reference { at: place - from, length, target });
        }
    }
    for function in &mut functions {
        function.references.sort_by_key(|reference| reference.at);
    }
    for place in NANS.as_chunks::<4>().0.as_chunks::<3>().0 {
        let [function, offset, bits] = place.map(|word| u32::from_le_bytes(word) as usize);
        functions[function].nans.push((offset, bits == 64));
    }
    Ok(Runtime {
        types: parts.types,
        imports: parts.imports,
        functions,
        segments,
        exports: parts.exports,
    })
}

fn target(entry: &RelocationEntry, symbols: &[Symbol]) -> Result<Target, RuntimeError> {
    let symbol = symbols.get(entry.index as usize).copied().unwrap_or(Symbol::Other);
    let signed = match entry.ty {
        RelocationType::TypeIndexLeb => return Ok(Target::Type(entry.index)),
        RelocationType::GlobalIndexLeb => return Ok(Target::StackPointer),
        RelocationType::FunctionIndexLeb => {
            return match symbol {
                Symbol::Function(index) => Ok(Target::Function(index)),
                _ => Err(RuntimeError::Unsupported("a call to no function")),
            };
        }
        RelocationType::MemoryAddrLeb => Some(false),
        RelocationType::MemoryAddrSleb => Some(true),
        RelocationType::MemoryAddrI32 => None,
        _ => return Err(RuntimeError::Unsupported("a relocation of an unexpected type")),
    };
    let Symbol::Data { segment, offset } = symbol else {
        return Err(RuntimeError::Unsupported("an address of no data"));
    };
    let offset = offset.wrapping_add(entry.addend as u32);
    Ok(match signed {
        Some(signed) => Target::Memory { segment, offset, signed },
        None => Target::MemoryWord { segment, offset },
    })
}

/// Whether the runtime has this function with the Wasm type that the table gives it.
#[cfg(test)]
pub(super) fn check_signature(function: &crate::abi::RuntimeFunction) -> Result<(), String> {
    let runtime = Runtime::get();
    let index = runtime.exports.get(function.name).ok_or("missing")?;
    let found = &runtime.types[runtime.type_of(*index) as usize];
    let wanted: Vec<String> =
        function.params.iter().map(|(_, arg)| format!("{:?}", arg.val_type())).collect();
    let params: Vec<String> = found.params().iter().map(|param| format!("{param:?}")).collect();
    let result: Vec<String> =
        function.returns.val_type().iter().map(|result| format!("{result:?}")).collect();
    let results: Vec<String> = found.results().iter().map(|result| format!("{result:?}")).collect();
    if (wanted, result) == (params.clone(), results.clone()) {
        Ok(())
    } else {
        Err(format!("is {params:?} -> {results:?}"))
    }
}
