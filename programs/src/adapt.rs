//! From a program to a component.

use wasmparser::{Parser, Payload, TypeRef, Validator, WasmFeatures};

use crate::error::AdaptError;
use crate::join::join;
use crate::module::Module;
use crate::world;

/// WASI preview 1 and the closure world, as `build.rs` makes them.
const ADAPTER: &[u8] = include_bytes!(env!("SPM_PROGRAM_ADAPTER"));
pub(crate) const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// What a program has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapted {
    /// A component of the closure world.
    pub component: Vec<u8>,
    /// Names of the program's functions, by their index in the component's module, as far as the program says them.
    pub functions: Vec<(u32, String)>,
}

/// Makes a component of the closure world of a program: of a core module for WASI preview 1, or a component for preview 2
/// that is such a module with an adapter.
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

/// The program for preview 1 that a component was made of by an adapter, as most toolchains make them.
fn inside(component: &[u8]) -> Result<&[u8], AdaptError> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(component) {
        let Payload::ModuleSection { unchecked_range, .. } = payload? else { continue };
        let bytes = component.get(unchecked_range).ok_or(AdaptError::Component)?;
        let module = Module::read(bytes)?;
        let is_whole = module.other_import.is_none()
            && module.imports.iter().all(|(module, ..)| *module == PREVIEW_1);
        if is_whole && module.exports.contains_key("_start") && found.replace(bytes).is_some() {
            return Err(AdaptError::Component);
        }
    }
    found.ok_or(AdaptError::Component)
}

fn check(program: &Module<'_>, adapter: &Module<'_>) -> Result<(), AdaptError> {
    for (module, name, ty) in &program.imports {
        let provided = adapter.exports.get(format!("{module}.{name}").as_str());
        let (PREVIEW_1, Some(provided)) = (*module, provided) else {
            return Err(AdaptError::Import {
                module: (*module).to_owned(),
                name: (*name).to_owned(),
            });
        };
        let wanted = program.types.get(*ty as usize).and_then(Option::as_ref);
        if wanted.is_none() || wanted != adapter.type_of(*provided) {
            return Err(AdaptError::Type { name: (*name).to_owned() });
        }
    }
    let start = program.exports.get("_start").and_then(|index| program.type_of(*index));
    if !start.is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty()) {
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
