//! Takes a component apart: the memory that its instances begin with, its code, and ways to its globals.
//!
//! An interpreter was set up when its component was made, and its data segments are the tens of MB of memory that this
//! left. Here they become an [`Image`] that every instance maps, copying a page when it first writes to it. What is compiled
//! is the component without them.
//!
//! To put an instance back into an earlier state takes all of its state. What there is beside its memory is found by
//! reading the code: tables, which nothing may change once the component is linked, handles of resources, of which it must
//! have none, and globals that some function sets. A pair of functions is added for each of these, and exported from the
//! component, so that a host can read and set them ([`Access`]).

mod bytes;
mod facts;
mod polls;
mod read;

use std::io;
use std::ops::Range;

use super::pages::{Image, page_bytes};
use bytes::{append_accessors, append_exports, sections, write_section};
use facts::Facts;

/// Changes whenever components are taken apart in another way: then what was compiled is not of these parts.
pub(super) const VERSION: u32 = 3;

/// A section at the end of code that was taken apart, without content. Who compiles it has not seen the component.
const MARK: &[u8] = b"\0\x0a\x09spm-parts";

const DATA_SECTION: u8 = 11;
const CUSTOM_SECTION: u8 = 0;
const CORE_MODULE_SECTION: u8 = 1;
/// Bytes of magic and version before the first section.
const HEADER_BYTES: usize = 8;
/// Globals that are read and set around a task. More are not worth it, and no interpreter has them.
const GLOBALS_MAX: usize = 32;

/// Names of the functions by which a host reads and sets the globals of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) get: String,
    pub(super) set: String,
    /// The global's index in its module.
    pub(super) global: u32,
}

impl Access {
    fn new(number: usize, global: u32) -> Self {
        Self {
            get: format!("spm-global-get-{number}"),
            set: format!("spm-global-set-{number}"),
            global,
        }
    }

    fn all(targets: &[Target]) -> Vec<Self> {
        targets.iter().zip(0..).map(|(target, number)| Self::new(number, target.global)).collect()
    }
}

/// A component in parts.
pub(super) struct Split {
    /// The component without the contents of its memory, and with functions for its globals.
    pub(super) code: Vec<u8>,
    /// The way to each global that is set after the component was linked, if all other state of an instance is in its
    /// memory.
    pub(super) globals: Option<Vec<Access>>,
    /// Whether [`add_polls`] can be applied to the code.
    pub(super) can_poll: bool,
    /// The contents of the memory, as an offset and a range of the component.
    segments: Vec<(usize, Range<usize>)>,
}

impl Split {
    /// Takes a valid component apart. Nothing, if it has another shape than those of interpreters: one memory, in a module
    /// that is instantiated once, with contents that are known without running anything.
    pub(super) fn new(component: &[u8]) -> Option<Self> {
        let facts = read::read(component)?;
        let memory = facts.memory_module()?;
        let segments = facts.modules[memory].segments.clone().filter(|found| !found.is_empty())?;
        let targets = facts.restorable_globals().filter(|globals| globals.len() <= GLOBALS_MAX);
        let globals = targets.as_deref().map(Access::all);
        let code = rewrite(component, &facts, memory, targets.as_deref().unwrap_or(&[]))?;
        let can_poll = facts.module_to_poll().is_some();
        Some(Self { code, globals, can_poll, segments })
    }

    /// The contents of the memory, as instances map them. `component` is what was taken apart.
    pub(super) fn image(&self, component: &[u8]) -> io::Result<Image> {
        let ends = self.segments.iter().map(|(offset, data)| offset + data.len());
        let bytes = ends.max().unwrap_or(0).next_multiple_of(page_bytes());
        Image::new(bytes, |memory| {
            for (offset, data) in &self.segments {
                memory[*offset..offset + data.len()].copy_from_slice(&component[data.clone()]);
            }
        })
    }
}

/// The code of a component with looks at a flag, by which a host ends it (`polls`). Nothing, if some of it would run without
/// any: that is so for the same components whose [`Split::can_poll`] is false.
pub(super) fn add_polls(code: &[u8]) -> Option<Vec<u8>> {
    // What was not taken apart has no image, and is not watched.
    let code = code.strip_suffix(MARK)?;
    let facts = read::read(code)?;
    let polled = facts.module_to_poll()?;
    let mut out = code[..HEADER_BYTES].to_vec();
    let mut module = 0;
    for (id, section, content) in sections(code, 0..code.len())? {
        if id == CORE_MODULE_SECTION && module == polled {
            write_section(id, &polls::add(&code[content], &facts.modules[polled])?, &mut out);
        } else {
            out.extend_from_slice(&code[section]);
        }
        module += usize::from(id == CORE_MODULE_SECTION);
    }
    Some(out)
}

/// A global, by the module that sets it and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    module: usize,
    global: u32,
}

/// The component without the data of the module `memory`, and with functions for `targets`.
fn rewrite(component: &[u8], facts: &Facts, memory: usize, targets: &[Target]) -> Option<Vec<u8>> {
    let mut code = component[..HEADER_BYTES].to_vec();
    let mut module = 0;
    for (id, section, content) in sections(component, 0..component.len())? {
        let has_changes = module == memory || targets.iter().any(|target| target.module == module);
        if id == CUSTOM_SECTION {
            continue;
        }
        if id != CORE_MODULE_SECTION {
            code.extend_from_slice(&component[section]);
            continue;
        }
        if has_changes {
            let own: Vec<(usize, u32)> = targets
                .iter()
                .enumerate()
                .filter(|(_, target)| target.module == module)
                .map(|(number, target)| (number, target.global))
                .collect();
            let changed =
                append_accessors(component, content, &facts.modules[module], &own, |id| {
                    module == memory && id == DATA_SECTION
                })?;
            write_section(CORE_MODULE_SECTION, &changed, &mut code);
        } else {
            code.extend_from_slice(&component[section]);
        }
        module += 1;
    }
    append_exports(facts, targets, &mut code);
    code.extend_from_slice(MARK);
    Some(code)
}

#[cfg(test)]
mod tests;
