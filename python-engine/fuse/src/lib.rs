//! Makes one core module of those that a component was linked of.
//!
//! componentize-py links `CPython` with its libraries as a system does when a program begins: each library stays a module of
//! its own, its variables are found by globals that a linker sets, and its functions by imports. In a component whose
//! memory was kept after that, all of this is known: [`fuse`] gives all libraries one module, in which globals that nobody sets are constants,
//! a function is called by its index, and what nobody reaches is gone. An engine's code for it is shorter and quicker.
//!
//! What wit-component puts around a component for its imports, a table and what fills it, stays as it is.
//!
//! Equal inputs make equal bytes.

mod component;
mod error;
mod link;
mod module;
mod write;

pub use error::FuseError;

/// The code of the one module that a component's libraries become: that module, without what its memory begins with.
///
/// # Errors
/// If the component is of another shape than those of componentize-py, or is not valid.
pub fn code(component: &[u8]) -> Result<Vec<u8>, FuseError> {
    let component = component::Component::read(component)?;
    let linked = link::Linked::new(&component)?;
    write::code(&component, &linked)
}

/// The component with one module in place of its libraries, which has this code: that of [`code`], or what an optimizer
/// made of it.
///
/// # Errors
/// As [`code`]; and if the code does not fit the component, or needs more of a host than it may.
pub fn fuse(component: &[u8], code: &[u8]) -> Result<Vec<u8>, FuseError> {
    let component = component::Component::read(component)?;
    let linked = link::Linked::new(&component)?;
    write::component(&component, &linked, code)
}

#[cfg(test)]
mod tests;
