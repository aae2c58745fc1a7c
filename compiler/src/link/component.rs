//! Makes a component of a core module.

use std::sync::OnceLock;

use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{BinaryReader, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};

use super::core_module::CoreModule;

/// What the component tools call the section that says which world a core module is of.
const COMPONENT_TYPE: &str = "component-type";
/// What the names of SPM's own sections begin with.
const OWN_SECTIONS: &str = "spm:";

/// The world of compiled closures, as the core module's custom section that names its types.
fn closure_world() -> &'static [u8] {
    static WORLD: OnceLock<Vec<u8>> = OnceLock::new();
    WORLD.get_or_init(|| encoded("closure"))
}

/// A world of `wit/closure.wit`, encoded.
pub(super) fn encoded(name: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve
        .push_str("closure.wit", include_str!("../../../wit/closure.wit"))
        .expect("`wit/closure.wit` is valid");
    let world = resolve.select_world(&[package], Some(name)).expect("it has this world");
    wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
        .expect("its world can be encoded")
}

/// Wraps a core module as a component of the world.
pub(super) fn wrap(core: &CoreModule) -> Vec<u8> {
    let mut module = core.bytes.clone();
    append_custom(&mut module, COMPONENT_TYPE, closure_world());
    let component = ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .expect("linked modules have the world's exports and no other imports");
    without_custom(&component)
}

/// Drops the component's own custom sections: names that nobody reads.
fn without_custom(component: &[u8]) -> Vec<u8> {
    without_custom_named(component, "")
}

/// Drops a module's or component's own custom sections whose names begin so.
fn without_custom_named(component: &[u8], prefix: &str) -> Vec<u8> {
    const HEADER_BYTES: usize = 8;
    const CUSTOM: u8 = 0;
    let mut kept = component[..HEADER_BYTES].to_vec();
    let mut reader = BinaryReader::new(component, 0);
    let skipped = reader.read_bytes(HEADER_BYTES);
    debug_assert!(skipped.is_ok());
    while !reader.eof() {
        let start = reader.original_position();
        let section = reader.read_u8().and_then(|id| {
            let length = reader.read_var_u32()?;
            let content = reader.read_bytes(length as usize)?;
            let is_dropped =
                id == CUSTOM && BinaryReader::new(content, 0).read_string()?.starts_with(prefix);
            Ok(is_dropped)
        });
        match section {
            Ok(true) => {}
            Ok(false) => kept.extend_from_slice(&component[start..reader.original_position()]),
            // Not to be met in what was just encoded; then nothing is dropped.
            Err(_) => return component.to_vec(),
        }
    }
    kept
}

/// Appends a custom section to a module or component.
pub fn append_custom(module: &mut Vec<u8>, name: &str, data: &[u8]) {
    let section = CustomSection { name: name.into(), data: data.into() };
    module.push(Section::id(&section));
    section.encode(module);
}

/// Why a core module cannot be made a component.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// Not a core module that can be read.
    #[error("not a WebAssembly module: {0}")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// It lacks an export of the world, or imports what the world does not have.
    #[error("not a module of the world `spm:closure/guest`: {0}")]
    World(String),
}

/// Makes a component of a core module that was compiled from another language, and checks it. Custom sections whose names
/// begin with `spm:` become the component's.
///
/// A module that names its world already, as those of `wit-bindgen` do, keeps that one.
///
/// # Errors
/// If it is no core module of the world.
pub fn guest_component(core: &[u8]) -> Result<Vec<u8>, GuestError> {
    let kept = own_sections(core)?;
    let has_world = !sections(core, COMPONENT_TYPE)?.is_empty();
    let mut module = without_custom_named(core, OWN_SECTIONS);
    if !has_world {
        append_custom(&mut module, COMPONENT_TYPE, &encoded("guest"));
    }
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| GuestError::World(format!("{error:#}")))?;
    let mut component = without_custom(&component);
    for (name, data) in kept {
        append_custom(&mut component, &name, &data);
    }
    Ok(component)
}

/// A module's or component's own custom sections whose names begin with `spm:`.
///
/// # Errors
/// If it cannot be read.
pub fn own_sections(module: &[u8]) -> Result<Vec<(String, Vec<u8>)>, GuestError> {
    sections(module, OWN_SECTIONS)
}

/// Its custom sections whose names begin so, but none of the modules in it.
fn sections(module: &[u8], prefix: &str) -> Result<Vec<(String, Vec<u8>)>, GuestError> {
    let mut found = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 1 && section.name().starts_with(prefix) => {
                found.push((section.name().to_owned(), section.data().to_vec()));
            }
            _ => {}
        }
    }
    Ok(found)
}
