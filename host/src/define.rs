//! From a component's bytes to a definition: from memory, from the cache on disk, or by compiling.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use spm_protocol::ContentId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cache::{ArtefactCache, CacheKey};
use crate::compile_child::{ChildCompiler, CompileChildError, chain};
use crate::sandbox::{CompileError, Definition, Sandbox};

/// Definitions kept in memory although no session uses them.
const DEFINITIONS_MAX: usize = 256;

/// Where components are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileMode {
    /// Here: for a submitter's own code in a process of its own.
    InProcess,
    /// In a child process with limits on time and memory: for strangers' code.
    Child {
        /// A binary of SPM's host.
        executable: PathBuf,
    },
}

/// Why there is no definition.
#[derive(Debug, thiserror::Error)]
pub enum DefineError {
    /// Compiling or linking failed.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The child that compiles failed.
    #[error(transparent)]
    Child(#[from] CompileChildError),
}

impl DefineError {
    /// The error and its causes in one line.
    pub fn reason(&self) -> String {
        chain(self)
    }
}

/// Makes definitions, and keeps those it made.
pub(crate) struct Definer {
    sandbox: Sandbox,
    child: Option<ChildCompiler>,
    cache: Option<ArtefactCache>,
    kept: Mutex<Kept>,
    /// Compilations that may still begin.
    compiling: Arc<Semaphore>,
}

#[derive(Default)]
struct Kept {
    definitions: BTreeMap<(ContentId, bool), KeptDefinition>,
    clock: u64,
}

struct KeptDefinition {
    definition: Arc<Definition>,
    /// Linear memory it starts with.
    initial_bytes: u64,
    used: u64,
}

impl Definer {
    /// For a host of so many slots: half of them, but one at least, compile at the same time.
    pub(crate) fn new(
        sandbox: Sandbox,
        mode: &CompileMode,
        cache: Option<ArtefactCache>,
        slots: u32,
    ) -> Self {
        let child = match mode {
            CompileMode::InProcess => None,
            CompileMode::Child { executable } => Some(ChildCompiler::new(executable)),
        };
        let compiling = Arc::new(Semaphore::new((slots as usize / 2).max(1)));
        Self { sandbox, child, cache, kept: Mutex::default(), compiling }
    }

    /// Waits until it is the caller's turn for [`Self::define`]. To be held until that has returned, whoever still
    /// wants its result.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, String> {
        let turn = Arc::clone(&self.compiling).acquire_owned().await;
        turn.map_err(|_| "this host stops".to_owned())
    }

    /// Makes the next compilation quicker, where that can be done ahead.
    pub(crate) fn warm_up(&self) {
        if let Some(child) = &self.child {
            child.warm_up();
        }
    }

    /// Leaves no process behind.
    pub(crate) fn stop(&self) {
        self.compiling.close();
        if let Some(child) = &self.child {
            child.stop();
        }
        self.kept.lock().definitions.clear();
    }

    /// The definition of a component, if it is in memory and starts within `memory_bytes`.
    pub(crate) fn known(
        &self,
        id: ContentId,
        is_fuelled: bool,
        memory_bytes: u64,
    ) -> Option<Arc<Definition>> {
        let mut kept = self.kept.lock();
        kept.clock += 1;
        let clock = kept.clock;
        let known = kept.definitions.get_mut(&(id, is_fuelled))?;
        known.used = clock;
        (known.initial_bytes <= memory_bytes).then(|| Arc::clone(&known.definition))
    }

    /// The definition of a component whose content is `component`, was verified, and starts with `initial_bytes` of
    /// memory. Blocks while it compiles; a child that compiles is killed soon after `is_abandoned`.
    pub(crate) fn define(
        &self,
        id: ContentId,
        component: &[u8],
        is_fuelled: bool,
        initial_bytes: u64,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Arc<Definition>, DefineError> {
        if let Some(definition) = self.known(id, is_fuelled, initial_bytes) {
            return Ok(definition);
        }
        let definition = Arc::new(self.make(id, component, is_fuelled, is_abandoned)?);
        let mut kept = self.kept.lock();
        kept.clock += 1;
        let known =
            KeptDefinition { definition: Arc::clone(&definition), initial_bytes, used: kept.clock };
        kept.definitions.insert((id, is_fuelled), known);
        if kept.definitions.len() > DEFINITIONS_MAX {
            let oldest =
                kept.definitions.iter().min_by_key(|(_, known)| known.used).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                kept.definitions.remove(&oldest);
            }
        }
        Ok(definition)
    }

    fn make(
        &self,
        id: ContentId,
        component: &[u8],
        is_fuelled: bool,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Definition, DefineError> {
        let key = CacheKey {
            component: id,
            compatibility: self.sandbox.compatibility(is_fuelled).map_err(CompileError::from)?,
        };
        if let Some(artefact) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            // SAFETY: the cache gives out only what this host put into it under this key, unchanged, which was
            // output of `precompile`.
            match unsafe { self.sandbox.load(&artefact, is_fuelled) } {
                Ok(definition) => return Ok(definition),
                Err(error) => tracing::warn!(%id, %error, "cached artefact is not for this engine"),
            }
        }
        let Some(child) = &self.child else {
            if self.cache.is_none() {
                return Ok(self.sandbox.compile(component, is_fuelled)?);
            }
            let artefact = self.sandbox.precompile(component, is_fuelled)?;
            // SAFETY: it is output of `precompile`.
            return Ok(
                self.keep(&key, &artefact, unsafe { self.sandbox.load(&artefact, is_fuelled) })?
            );
        };
        let artefact = child.compile_until(component, is_fuelled, is_abandoned)?;
        // SAFETY: it is output of `precompile` in a process that runs our own binary, over a pipe that only we and it
        // hold.
        let definition = unsafe { self.sandbox.load(&artefact, is_fuelled) };
        Ok(self.keep(&key, &artefact, definition)?)
    }

    fn keep(
        &self,
        key: &CacheKey,
        artefact: &[u8],
        definition: Result<Definition, CompileError>,
    ) -> Result<Definition, CompileError> {
        let definition = definition?;
        if let Some(cache) = &self.cache {
            cache.put(key, artefact);
        }
        Ok(definition)
    }
}
