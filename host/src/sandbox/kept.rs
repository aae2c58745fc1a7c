//! Instances that outlive a task.
//!
//! To make an instance of an interpreter, and to define a closure in it, takes milliseconds; to put one back into the state in
//! which the closure had just been defined takes a tenth of that. What state there is, `split` finds by reading the
//! component; that a task begins in the same state as in a fresh instance is what this file is about:
//!
//! * Its memory is restored page by page (`pages`). If it has grown, the instance is dropped: no memory shrinks.
//! * Globals that code sets are read after `define` and set again. Tables do not change. There are no handles.
//! * `define` cannot see which task it runs for: it sees task 0 and seed 0, always. What it printed is printed again for
//!   each task, and what it took of fuel, of the stub's clock and of random numbers is taken from each.
//! * A closure that saw what is not the same every time while it was defined is defined anew for each task.
//! * After a trap of any kind the instance is dropped.
//!
//! Instances are of one closure of one sequence point, and go with it.

use std::sync::Arc;

use spm_protocol::manifest::Isolation;
use wasmtime::Store;
use wasmtime::component::{Instance, TypedFunc};

use super::pagemap::PageMap;
use super::pages::{Pages, Saved};
use super::run::TaskInput;
use super::state::{Defined, TaskState};
use super::{Definition, Profile};

/// What becomes of the instance of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is dropped.
    Nothing,
    /// The next task finds it as it was when the closure had just been defined, if that can be done.
    Restored,
    /// The next task finds it as this one leaves it.
    AsItIs,
}

impl Keep {
    /// What a closure of this isolation and profile asks for.
    pub const fn of(isolation: Isolation, profile: Profile) -> Self {
        match (isolation, profile) {
            (Isolation::Session, _) => Self::AsItIs,
            // To restore one takes longer than to make one.
            (Isolation::Task, Profile::Small) => Self::Nothing,
            (Isolation::Task, Profile::Python | Profile::Scientific) => Self::Restored,
        }
    }
}

/// An instance for the next task of the same closure.
pub struct Kept {
    store: Store<TaskState>,
    after: AfterDefine,
    /// Whether a task has run in it since it was restored.
    is_used: bool,
    /// Bytes of memory that it takes while no task runs.
    bytes: usize,
}

/// An instance in which a closure was defined, and its state then.
pub(super) struct AfterDefine {
    pub(super) instance: Instance,
    pub(super) state: Defined,
    /// Fuel that defining it took.
    pub(super) fuel: u64,
    /// What its memory and globals are restored to, if they are.
    restored: Option<Restored>,
}

struct Restored {
    pages: Arc<Pages>,
    saved: Saved,
    globals: Vec<Global>,
    is_fuelled: bool,
}

struct Global {
    get: TypedFunc<(), (u32,)>,
    set: TypedFunc<(u32,), ()>,
    value: u32,
}

impl AfterDefine {
    /// Looks at the state of an instance. Nothing, if the next task could not be told that it is another.
    pub(super) fn new(
        definition: &Definition,
        store: &mut Store<TaskState>,
        instance: Instance,
        pages: Option<Arc<Pages>>,
        input: &TaskInput<'_>,
        keep: Keep,
    ) -> wasmtime::Result<Option<Self>> {
        let fuel =
            if definition.is_fuelled { input.fuel.saturating_sub(store.get_fuel()?) } else { 0 };
        let Some(state) = store.data().defined() else { return Ok(None) };
        let restored = match keep {
            Keep::Nothing => return Ok(None),
            Keep::AsItIs => None,
            Keep::Restored => {
                if state.is_impure {
                    return Ok(None);
                }
                let restored = Restored::new(definition, store, instance, pages)?;
                if definition.is_fuelled {
                    store.set_fuel(input.fuel.saturating_sub(fuel))?;
                }
                if restored.is_none() {
                    return Ok(None);
                }
                restored
            }
        };
        Ok(Some(Self { instance, state, fuel, restored }))
    }
}

impl Restored {
    fn new(
        definition: &Definition,
        store: &mut Store<TaskState>,
        instance: Instance,
        pages: Option<Arc<Pages>>,
    ) -> wasmtime::Result<Option<Self>> {
        let (Some(pages), Some(accesses), Some(map)) =
            (pages, &definition.beside.globals, PageMap::get())
        else {
            return Ok(None);
        };
        lend_fuel(definition.is_fuelled, store)?;
        let mut globals = Vec::with_capacity(accesses.len());
        for access in accesses {
            let get = instance.get_typed_func::<(), (u32,)>(&mut *store, &access.get)?;
            let set = instance.get_typed_func::<(u32,), ()>(&mut *store, &access.set)?;
            let (value,) = get.call(&mut *store, ())?;
            globals.push(Global { get, set, value });
        }
        // SAFETY: the store is borrowed, so no guest runs, and nobody else has its memory.
        let saved = match unsafe { pages.save(map) } {
            Ok(saved) => saved,
            Err(error) => {
                tracing::warn!(%error, "the state of an instance cannot be read");
                return Ok(None);
            }
        };
        Ok(Some(Self { pages, saved, globals, is_fuelled: definition.is_fuelled }))
    }

    /// Restores the instance, and says how much memory it takes; nothing if it cannot be restored.
    fn restore(&self, store: &mut Store<TaskState>) -> wasmtime::Result<Option<usize>> {
        let Some(map) = PageMap::get() else { return Ok(None) };
        lend_fuel(self.is_fuelled, store)?;
        for Global { get, set, value } in &self.globals {
            let (now,) = get.call(&mut *store, ())?;
            if now != *value {
                set.call(&mut *store, (*value,))?;
            }
        }
        // SAFETY: the store is borrowed, so no guest runs, and nobody else has its memory.
        let private = unsafe { self.pages.restore(&self.saved, map) }?;
        Ok(private.map(|private| private + self.saved.own_bytes()))
    }
}

/// Fuel for functions of ours, which no task pays for.
pub(super) fn lend_fuel(is_fuelled: bool, store: &mut Store<TaskState>) -> wasmtime::Result<()> {
    if is_fuelled { store.set_fuel(u64::MAX) } else { Ok(()) }
}

impl Kept {
    pub(super) fn after_task(mut store: Store<TaskState>, after: AfterDefine) -> Self {
        store.data_mut().rest();
        let bytes = store.data().memory_bytes;
        Self { store, after, is_used: true, bytes }
    }

    #[cfg(test)]
    pub(super) fn watch(&self) -> Arc<super::watch::Watch> {
        Arc::clone(&self.store.data().watch)
    }

    pub(super) fn into_parts(self) -> (Store<TaskState>, AfterDefine) {
        (self.store, self.after)
    }

    /// Makes it ready for the next task, if that was not done before. Nothing if that cannot be done.
    #[must_use]
    pub fn ready(mut self) -> Option<Self> {
        if !self.is_used {
            return Some(self);
        }
        self.is_used = false;
        let Some(restored) = &self.after.restored else { return Some(self) };
        match restored.restore(&mut self.store) {
            Ok(bytes) => {
                self.bytes = bytes?;
                Some(self)
            }
            Err(error) => {
                tracing::warn!(%error, "an instance cannot be restored; the next task gets a fresh one");
                None
            }
        }
    }

    /// Bytes of memory that it takes while no task runs.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Kept")
            .field("is_used", &self.is_used)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
