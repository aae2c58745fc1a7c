//! Links compiled functions with the guest runtime into a component.
//!
//! The runtime is one Wasm module, linked with its relocations kept. They say, for every function
//! and data segment, what it refers to, and where. So linking is copying: start at the runtime
//! functions that compiled code calls, follow references, give everything reached a new index or
//! address, and copy bodies and data with new numbers at the relocated places. What is not
//! reached is left out, data too. User functions are lists of [`Op`], encoded last.
//!
//! The same input gives the same bytes: nothing here depends on hashes, time or paths.

mod component;
mod core_module;
mod data;
mod entry;
mod runtime;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use component::{GuestError, append_custom, guest_component, own_sections};
pub(crate) use core_module::replacement;
use spm_protocol::lines::{LineFunction, LineTable, Site};
use wasm_encoder::{Instruction, ValType};

/// One instruction of a user function, or a mark between instructions.
#[derive(Debug, Clone)]
pub enum Op {
    /// Any instruction without function, type, or data references. Globals: [`crate::abi::DEPTH_GLOBAL`] only.
    Wasm(Instruction<'static>),
    /// Calls a function of [`UserModule::functions`].
    Call(u32),
    /// Calls a runtime function by name.
    Runtime(&'static str),
    /// Pushes the address of a blob: `i32.const`.
    Address(u32),
    /// From here on, code belongs to this site of [`UserModule::sites`].
    Site(u32),
}

/// A function of the user's.
#[derive(Debug, Clone)]
pub struct UserFunction {
    /// Parameters.
    pub params: Vec<ValType>,
    /// Results.
    pub results: Vec<ValType>,
    /// Locals after the parameters, in order.
    pub locals: Vec<ValType>,
    /// The body, with its final `end`.
    pub body: Vec<Op>,
}

/// Static data: a string, a type descriptor, a constant container. Aligned to 8 bytes, writable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where it holds addresses of other blobs: (offset of 4 bytes, blob). The address is added.
    pub addresses: Vec<(u32, u32)>,
}

/// What the component runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Index into [`UserModule::functions`]. Its results are the value, then an `i32` status (0, or 1 if
    /// raised). It owns its arguments.
    pub function: u32,
    /// Blob: descriptor of the tuple of its arguments.
    pub arguments: u32,
    /// Blob: descriptor of its result.
    pub result: u32,
    /// Whether exceptions may be chained to others.
    pub chains: bool,
}

/// All that is compiled for one closure.
#[derive(Debug, Clone)]
pub struct UserModule {
    /// The functions.
    pub functions: Vec<UserFunction>,
    /// The data.
    pub blobs: Vec<Blob>,
    /// Which blobs are descriptors of types.
    pub descriptors: Vec<u32>,
    /// Which function is the closure.
    pub entry: Entry,
    /// What the runtime asks of the user's objects, by the names of its imports.
    pub callbacks: BTreeMap<&'static str, u32>,
    /// How deep calls may nest: the start value of [`crate::abi::DEPTH_GLOBAL`].
    pub recursion_limit: u32,
    /// For the line table: the functions by name and source.
    pub line_functions: Vec<LineFunction>,
    /// For the line table: places in them.
    pub sites: Vec<Site>,
}

/// Why functions could not be linked. Each is a mistake of the code generator.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A name that is not in [`crate::abi::FUNCTIONS`].
    #[error("unknown runtime function `{0}`")]
    UnknownRuntime(&'static str),
    /// An index beyond the functions, blobs or sites.
    #[error("{what} {index} does not exist")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Its index.
        index: u32,
    },
    /// More static data than memory can hold.
    #[error("static data takes more than 2 GiB")]
    TooMuchData,
}

/// Links a closure's functions with what they need of the runtime, into a component with its line
/// table.
pub fn link(module: &UserModule) -> Result<Vec<u8>, LinkError> {
    let core = core_module::build(module)?;
    let mut component = component::wrap(&core);
    let lines = LineTable {
        functions: module.line_functions.clone(),
        sites: module.sites.clone(),
        entries: core.lines,
    };
    component::append_custom(&mut component, spm_protocol::lines::SECTION, &lines.to_bytes());
    Ok(component)
}
