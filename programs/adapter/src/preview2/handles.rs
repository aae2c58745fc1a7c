//! What a program holds by a handle.

use alloc::vec::Vec;

use crate::disk::Id;
use crate::errno::{Errno, Fallible};
use crate::state::State;

/// How much a program may hold at once.
const HANDLES_MAX: usize = 4096;

/// Where an input stream reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Stdin,
    File { id: Id, position: u64 },
}

/// Where an output stream writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Which of the two outputs.
    Output(usize),
    File {
        id: Id,
        position: u64,
    },
    /// At the end of a file, wherever that is.
    End(Id),
}

pub enum Resource {
    Descriptor {
        id: Id,
        flags: u8,
    },
    Input(Source),
    Output(Sink),
    /// When it is ready by the monotonic clock; at once, if it does not say.
    Pollable(Option<u64>),
    /// What is left of a folder's entries, the next one last: type and name.
    Entries(Vec<(u8, Vec<u8>)>),
    Error(Errno),
    /// It has nothing but its identity.
    Terminal,
    Network,
}

/// The table of a program's handles. A handle that is not in it, or not of the type that is asked for, traps.
pub struct Handles(Vec<Option<Resource>>);

impl Handles {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn add(&mut self, resource: Resource) -> Fallible<u32> {
        // No handle is 0.
        let free = self.0.iter().skip(1).position(Option::is_none).map(|at| at + 1);
        let at = match free {
            Some(at) => at,
            None if self.0.len() < HANDLES_MAX => {
                let at = self.0.len().max(1);
                self.0.resize_with(at + 1, || None);
                at
            }
            None => return Err(Errno::Mfile),
        };
        self.0[at] = Some(resource);
        Ok(at as u32)
    }

    pub fn get(&mut self, handle: u32) -> &mut Resource {
        match self.0.get_mut(handle as usize) {
            Some(Some(resource)) => resource,
            _ => trap(),
        }
    }
}

/// A program that does what the canonical ABI forbids.
pub fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

impl State {
    /// Gives the program a handle, or says that it has too many.
    pub fn hold(&mut self, resource: Resource) -> Fallible<u32> {
        let node = match &resource {
            Resource::Descriptor { id, .. }
            | Resource::Input(Source::File { id, .. })
            | Resource::Output(Sink::File { id, .. } | Sink::End(id)) => Some(*id),
            _ => None,
        };
        let handle = self.handles.add(resource)?;
        if let Some(id) = node {
            self.disk.open(id);
        }
        Ok(handle)
    }

    /// Gives the program a handle where it cannot be refused one.
    pub fn surely_hold(&mut self, resource: Resource) -> u32 {
        self.hold(resource).unwrap_or_else(|_| trap())
    }

    /// The program drops a handle.
    pub fn release(&mut self, handle: u32) {
        let dropped = self.handles.0.get_mut(handle as usize).and_then(Option::take);
        match dropped {
            Some(
                Resource::Descriptor { id, .. }
                | Resource::Input(Source::File { id, .. })
                | Resource::Output(Sink::File { id, .. } | Sink::End(id)),
            ) => self.disk.close(id),
            Some(_) => {}
            None => trap(),
        }
    }

    /// The file or folder that a descriptor stands for, and its flags.
    pub fn held_node(&mut self, handle: u32) -> (Id, u8) {
        match self.handles.get(handle) {
            Resource::Descriptor { id, flags } => (*id, *flags),
            _ => trap(),
        }
    }
}
