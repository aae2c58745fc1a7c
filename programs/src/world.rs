//! The component around the joined module.

use wasm_encoder::{CustomSection, Encode, Section};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::error::AdaptError;

/// The WIT of closures, and of what else a program's module imports.
const CLOSURE: &str = include_str!("../../wit/closure.wit");
const PROGRAM: &str = include_str!("../wit/program.wit");

/// Makes a component of a core module of the world.
pub(crate) fn wrap(mut module: Vec<u8>) -> Result<Vec<u8>, AdaptError> {
    let failed = |error: &dyn std::fmt::Display| AdaptError::World(format!("{error:#}"));
    let mut resolve = Resolve::default();
    resolve.push_str("closure.wit", CLOSURE).map_err(|error| failed(&error))?;
    let package = resolve.push_str("program.wit", PROGRAM).map_err(|error| failed(&error))?;
    let world = resolve.select_world(&[package], None).map_err(|error| failed(&error))?;
    let types = wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
        .map_err(|error| failed(&error))?;
    let section = CustomSection { name: "component-type".into(), data: types.as_slice().into() };
    module.push(Section::id(&section));
    section.encode(&mut module);
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| failed(&error))
}
