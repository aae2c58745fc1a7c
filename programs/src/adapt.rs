//! From a program to a component.

use wasmparser::{Parser, Payload, TypeRef, ValType, Validator, WasmFeatures};

use crate::error::AdaptError;
use crate::join::join;
use crate::module::Module;
use crate::world;

/// WASI and the closure world, as `build.rs` makes them.
const ADAPTER: &[u8] = include_bytes!(env!("SPM_PROGRAM_ADAPTER"));
const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// What a program has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapted {
    /// A component of the closure world.
    pub component: Vec<u8>,
    /// Names of the program's functions, by their index in the component's module, as far as the program says them.
    pub functions: Vec<(u32, String)>,
}

/// Makes a component of the closure world of a program: of a core module for WASI preview 1, or a component for preview 2
/// with one module, whether that calls preview 2 itself or is one for preview 1 with an adapter.
///
/// # Errors
/// If it is neither.
pub fn adapt(program: &[u8]) -> Result<Adapted, AdaptError> {
    let program = if Parser::is_component(program) { inside(program)? } else { program };
    if !Parser::is_core_wasm(program) {
        return Err(AdaptError::NotWasm);
    }
    let module = Module::read(program)?;
    // What it imports says more than what a validator makes of it.
    if let Some((name, field, ty)) = module.other_import {
        return Err(match ty {
            TypeRef::Memory(_) => AdaptError::Memory(": programs with threads cannot be run"),
            _ => AdaptError::Import { module: name.to_owned(), name: field.to_owned() },
        });
    }
    let adapter = Module::read(ADAPTER)?;
    check(&module, &adapter)?;
    Validator::new_with_features(features()).validate_all(program)?;
    let joined = join(&module, &adapter)?;
    Ok(Adapted { component: world::wrap(joined.module)?, functions: joined.functions })
}

/// The program that toolchains made a component of: other modules of it are glue.
fn inside(component: &[u8]) -> Result<&[u8], AdaptError> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(component) {
        let Payload::ModuleSection { unchecked_range, .. } = payload? else { continue };
        let bytes = component.get(unchecked_range).ok_or(AdaptError::Component)?;
        let module = Module::read(bytes)?;
        let is_wasi = |(module, name, _): &(&str, &str, u32)| provided_by(module, name).is_some();
        let is_whole = module.other_import.is_none()
            && module.memories == 1
            && module.imports.iter().all(is_wasi);
        if is_whole && Entry::of(&module).is_some() && found.replace(bytes).is_some() {
            return Err(AdaptError::Component);
        }
    }
    found.ok_or(AdaptError::Component)
}

/// What the adapter calls a function of WASI, if it may have it. It has one for all versions of an interface.
fn provided_by(module: &str, name: &str) -> Option<String> {
    if module == PREVIEW_1 {
        return Some(format!("{module}.{name}"));
    }
    let (interface, version) = module.split_once('@')?;
    let is_preview_2 = interface.starts_with("wasi:") && is_preview_2(version);
    is_preview_2.then(|| format!("{interface}.{name}"))
}

fn is_preview_2(version: &str) -> bool {
    version.strip_prefix("0.2.").is_some_and(|patch| patch.parse::<u32>().is_ok())
}

/// What stands for an import of a program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provided {
    /// A function of the adapter.
    Function(u32),
    /// Nothing, as it takes a socket, and there is none.
    Trap,
}

impl Provided {
    pub(crate) fn find(module: &str, name: &str, adapter: &Module<'_>) -> Option<Self> {
        let provided = provided_by(module, name)?;
        if let Some(function) = adapter.exports.get(provided.as_str()) {
            return Some(Self::Function(*function));
        }
        let is_of_resource = name.starts_with("[method]") || name.starts_with("[resource-drop]");
        (is_of_resource && provided.starts_with("wasi:sockets/")).then_some(Self::Trap)
    }
}

/// How a program begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A command for preview 1.
    Start(u32),
    /// One for preview 2: a function that returns whether it failed, and what comes before it, if anything does.
    Run { run: u32, initialize: Option<u32> },
}

impl Entry {
    pub(crate) fn of(program: &Module<'_>) -> Option<Self> {
        let is = |function: u32, results: &[ValType]| {
            let ty = program.type_of(function);
            ty.is_some_and(|ty| ty.params().is_empty() && ty.results() == results)
        };
        if let Some(start) = program.exports.get("_start").filter(|start| is(**start, &[])) {
            return Some(Self::Start(*start));
        }
        let is_run = |name: &str| {
            let version = name.strip_prefix("wasi:cli/run@").and_then(|it| it.strip_suffix("#run"));
            version.is_some_and(is_preview_2)
        };
        let (_, run) = program.exports.iter().find(|(name, _)| is_run(name))?;
        let initialize = program.exports.get("_initialize").copied();
        let is_right = is(*run, &[ValType::I32]) && initialize.is_none_or(|it| is(it, &[]));
        is_right.then_some(Self::Run { run: *run, initialize })
    }
}

fn check(program: &Module<'_>, adapter: &Module<'_>) -> Result<(), AdaptError> {
    for (module, name, ty) in &program.imports {
        let Some(provided) = Provided::find(module, name, adapter) else {
            return Err(AdaptError::Import {
                module: (*module).to_owned(),
                name: (*name).to_owned(),
            });
        };
        let Provided::Function(provided) = provided else { continue };
        let wanted = program.types.get(*ty as usize).and_then(Option::as_ref);
        if wanted.is_none() || wanted != adapter.type_of(provided) {
            return Err(AdaptError::Type { name: (*name).to_owned() });
        }
    }
    if Entry::of(program).is_none() {
        return Err(AdaptError::NoStart);
    }
    match program.memories {
        1 => Ok(()),
        0 => Err(AdaptError::Memory("")),
        _ => Err(AdaptError::Memory(": it has several")),
    }
}

/// What hosts take of programs: what a compiler for another language uses, without exceptions and garbage collection.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::default();
    for feature in [
        WasmFeatures::THREADS,
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        WasmFeatures::RELAXED_SIMD,
        WasmFeatures::MEMORY64,
        WasmFeatures::WIDE_ARITHMETIC,
        WasmFeatures::EXCEPTIONS,
        WasmFeatures::GC,
        WasmFeatures::FUNCTION_REFERENCES,
    ] {
        features.remove(feature);
    }
    features
}
