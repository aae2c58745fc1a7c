//! Makes a component of a core module.

use std::sync::OnceLock;

use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::BinaryReader;
use wit_component::{ComponentEncoder, StringEncoding};

use super::core_module::CoreModule;

/// The world of closures, as the core module's custom section that names its types.
fn world() -> &'static [u8] {
    static WORLD: OnceLock<Vec<u8>> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve
            .push_str("closure.wit", include_str!("../../../wit/closure.wit"))
            .expect("`wit/closure.wit` is valid");
        let world = resolve.select_world(&[package], None).expect("it has one world");
        wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
            .expect("its world can be encoded")
    })
}

/// Wraps a core module as a component of the world.
pub(super) fn wrap(core: &CoreModule) -> Vec<u8> {
    let mut module = core.bytes.clone();
    append_custom(&mut module, "component-type", world());
    let component = ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .expect("linked modules have the world's exports and no other imports");
    without_custom(&component)
}

/// Drops the component's own custom sections: names that nobody reads.
fn without_custom(component: &[u8]) -> Vec<u8> {
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
            reader.read_bytes(length as usize)?;
            Ok(id)
        });
        match section {
            Ok(CUSTOM) => {}
            Ok(_) => kept.extend_from_slice(&component[start..reader.original_position()]),
            // Not to be met in what was just encoded; then nothing is dropped.
            Err(_) => return component.to_vec(),
        }
    }
    kept
}

/// Appends a custom section to a module or component.
pub(super) fn append_custom(module: &mut Vec<u8>, name: &str, data: &[u8]) {
    let section = CustomSection { name: name.into(), data: data.into() };
    module.push(Section::id(&section));
    section.encode(module);
}
