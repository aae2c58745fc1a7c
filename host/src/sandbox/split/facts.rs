//! What is known of a component and its core modules.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Target;

/// A component, as far as it matters here.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) modules: Vec<Module>,
    /// The module of each core instance; none, if it is made of exports of others.
    pub(super) instances: Vec<Option<usize>>,
    /// Items of the component, for the indices of those that are added.
    pub(super) core_functions: u32,
    pub(super) functions: u32,
    pub(super) types: u32,
    /// Whether it may have handles of its own resources, or tasks of its own.
    pub(super) has_own_resources: bool,
}

/// Whose memory a module has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    Own,
    Imported,
}

/// A core module.
#[derive(Default)]
pub(super) struct Module {
    pub(super) types: u32,
    /// Functions, and of these the imported ones.
    pub(super) functions: u32,
    pub(super) imported_functions: u32,
    /// Bodies that were read.
    pub(super) bodies: u32,
    /// Whether each global is an `i32`.
    pub(super) globals: Vec<bool>,
    pub(super) memory: Option<Memory>,
    pub(super) has_exports: bool,
    /// Where in the memory which ranges of the component go. None, if some of it is not known without running something.
    pub(super) segments: Option<Vec<(usize, Range<usize>)>>,
    /// Functions that something may call: exported, called, or made a reference of.
    pub(super) reached: BTreeSet<u32>,
    /// By function: the globals that it sets.
    pub(super) sets: Vec<(u32, BTreeSet<u32>)>,
    /// Whether its code may change a table, or drop a segment.
    pub(super) changes_tables: bool,
    /// Whether a function of it has a loop, more than one call, or one that leaves its own frame first.
    pub(super) may_stay: bool,
}

impl Facts {
    /// The module that defines the component's one memory.
    pub(super) fn memory_module(&self) -> Option<usize> {
        let mut with_memory = (0..self.modules.len())
            .filter(|index| self.modules[*index].memory == Some(Memory::Own));
        let index = with_memory.next()?;
        let is_only = with_memory.next().is_none();
        (is_only && self.instances_of(index).count() == 1).then_some(index)
    }

    /// The module whose code can look at a flag, so that the component always ends once that is raised. Functions of all
    /// others only pass a call on, so what they add to the time until the next look is bounded by the stack.
    pub(super) fn module_to_poll(&self) -> Option<usize> {
        let index = self.memory_module()?;
        let mut others = self.modules.iter().enumerate().filter(|(other, _)| *other != index);
        others.all(|(_, module)| !module.may_stay).then_some(index)
    }

    /// The core instances of a module.
    pub(super) fn instances_of(&self, module: usize) -> impl Iterator<Item = usize> {
        let instances = self.instances.iter().enumerate();
        instances.filter(move |(_, of)| **of == Some(module)).map(|(index, _)| index)
    }

    /// Every global that is set by code that may run. None, if an instance has state that is neither there nor in its
    /// memory.
    pub(super) fn restorable_globals(&self) -> Option<Vec<Target>> {
        if self.has_own_resources {
            return None;
        }
        let mut targets = Vec::new();
        for (number, module) in self.modules.iter().enumerate() {
            if module.changes_tables {
                return None;
            }
            let running =
                module.sets.iter().filter(|(function, _)| module.reached.contains(function));
            let set: BTreeSet<u32> =
                running.flat_map(|(_, globals)| globals.iter().copied()).collect();
            if set.is_empty() {
                continue;
            }
            let are_ints =
                set.iter().all(|global| module.globals.get(*global as usize) == Some(&true));
            if !are_ints || !module.has_exports || self.instances_of(number).count() != 1 {
                return None;
            }
            targets.extend(set.into_iter().map(|global| Target { module: number, global }));
        }
        Some(targets)
    }
}
