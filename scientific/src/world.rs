//! The component around the joined module.

use wasm_encoder::{CustomSection, Encode, Section};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::JoinError;

/// The WIT of closures, and of what else the module imports.
const CLOSURE: &str = include_str!("../../wit/closure.wit");
const RUNTIME: &str = include_str!("../wit/runtime.wit");

/// Name of the section that has the licences of what is in the component, as text.
const LICENCES: &str = "licences";

/// Makes a component of a core module of the world, which carries `licences`.
pub(crate) fn wrap(mut module: Vec<u8>, licences: &str) -> Result<Vec<u8>, JoinError> {
    let mut resolve = Resolve::default();
    let mut push = |name: &str, text| resolve.push_str(name, text);
    push("closure.wit", CLOSURE).map_err(|error| JoinError::World(error.to_string()))?;
    let package =
        push("runtime.wit", RUNTIME).map_err(|error| JoinError::World(error.to_string()))?;
    let failed = |error: &dyn std::fmt::Display| JoinError::World(format!("{error:#}"));
    let world = resolve.select_world(&[package], None).map_err(|error| failed(&error))?;
    let types = wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
        .map_err(|error| failed(&error))?;
    let section = CustomSection { name: "component-type".into(), data: types.as_slice().into() };
    module.push(Section::id(&section));
    section.encode(&mut module);
    let mut component = ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| failed(&error))?;
    let section = CustomSection { name: LICENCES.into(), data: licences.as_bytes().into() };
    component.push(Section::id(&section));
    section.encode(&mut component);
    Ok(component)
}
