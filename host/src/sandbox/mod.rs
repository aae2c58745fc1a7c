//! Runs components inside explicit limits, one fresh instance for each task.
//!
//! A [`Sandbox`] compiles components into [`Definition`]s and is cheap to share. [`Sandbox::run`] runs one task in the
//! calling thread; tasks cannot see one another.
//!
//! **Signals.** Wasmtime can turn signals into traps (a load outside memory is a SIGSEGV), which spares bounds checks.
//! Signal handlers belong to the process, and whoever sets them last wins: after Python's `faulthandler.enable()`
//! a guest's wild load would kill Python. So sandboxes of hosts in the user's process
//! ([`SandboxOptions::in_process`]) use no signals at all: every check is code. `docs/host.md` has what
//! that costs. Processes that are ours alone use them.
//!
//! **Stacks.** A guest may use [`STACK_BYTES_MAX`](spm_protocol::limits::STACK_BYTES_MAX) of the calling thread's stack, an
//! interpreter [`INTERPRETER_STACK_BYTES_MAX`]; the thread must have [`THREAD_STACK_BYTES`].
//!
//! **Interpreters.** Their components are taken apart before they are compiled, and their instances are put back into an
//! earlier state instead of being made again: `split`, `pages` and `kept` say how.

mod begun;
mod channel;
mod engine;
mod grants;
mod imports;
mod kept;
mod managed;
mod nans;
mod outcome;
mod output;
mod pagemap;
mod pages;
mod run;
mod split;
mod state;
mod stop;
#[cfg(test)]
mod testing;
mod ticker;
mod watch;

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use spm_protocol::limits::INTERPRETER_STACK_BYTES_MAX;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

pub use begun::{BeginError, Begun};
pub use channel::{Channel, Manager, Message, Over, Patience};
pub(crate) use engine::give_back_memory;
pub use engine::{Bounds, CONCURRENT_TASKS_MAX, EngineOptions, Parts, Profile};
pub use grants::{GrantError, Granted};
pub use imports::{is_allowed as is_import_allowed, is_answered as is_import_answered};
pub use kept::{Keep, Kept};
pub use output::OutputSink;
pub use run::{Ended, Ran, TaskInput};
pub use stop::{Stop, StopCause};

use engine::{Beside, SharedEngine};

use state::TaskState;

/// Stack that a thread needs to run tasks: the guest's, and ours around it.
pub const THREAD_STACK_BYTES: usize = INTERPRETER_STACK_BYTES_MAX + 1024 * 1024;

/// How a sandbox is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SandboxOptions {
    /// What kind of component it is for.
    pub profile: Profile,
    /// Whether traps may be raised by signals.
    pub signals: bool,
    /// Whether it only compiles: then no address space is reserved for instances.
    pub compile_only: bool,
}

impl SandboxOptions {
    /// For hosts in a process that is not ours alone: no signals.
    pub const fn in_process() -> Self {
        Self { profile: Profile::Small, signals: false, compile_only: false }
    }

    /// For processes that are ours alone.
    pub const fn own_process() -> Self {
        Self { profile: Profile::Small, signals: true, compile_only: false }
    }

    /// For a process that compiles for one of [`Self::own_process`].
    pub const fn compile_child() -> Self {
        Self { profile: Profile::Small, signals: true, compile_only: true }
    }

    /// The same for components of another profile.
    #[must_use]
    pub const fn with(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    fn engine(self, fuel: bool) -> EngineOptions {
        EngineOptions {
            profile: self.profile,
            fuel,
            signals: self.signals,
            compile_only: self.compile_only,
        }
    }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Wasmtime cannot make an engine here.
    #[error("cannot create the WebAssembly engine")]
    Engine(#[source] wasmtime::Error),
    /// Tasks could not be interrupted.
    #[error("cannot start the thread that interrupts tasks")]
    Ticker,
}

/// Why a component is not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is not valid, or uses what this host does not offer.
    #[error("component cannot be compiled")]
    Invalid(#[source] wasmtime::Error),
    /// An artefact is not one of this engine.
    #[error("compiled component cannot be loaded")]
    Artefact(#[source] wasmtime::Error),
    /// There is no memory for what its instances begin with.
    #[error("the host is out of memory")]
    Image(#[source] std::io::Error),
    /// It imports what no closure may.
    #[error("forbidden import `{name}`")]
    ForbiddenImport {
        /// The import.
        name: String,
    },
    /// An import is of another type than its interface's.
    #[error("component's imports are not those of its interfaces")]
    Link(#[source] wasmtime::Error),
    /// An export of the world is missing or of another type.
    #[error("component does not export `{name}` as the world `spm:closure/closure` has it")]
    Export {
        /// The export.
        name: &'static str,
    },
    /// The engine for it cannot be made.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// What a component is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The profile of its engine.
    pub profile: Profile,
    /// Whether fuel is counted.
    pub is_fuelled: bool,
}

impl Kind {
    /// A small component.
    pub const fn small(is_fuelled: bool) -> Self {
        Self { profile: Profile::Small, is_fuelled }
    }

    /// A component of an interpreter, by the name that its file has: `python`, `scientific`.
    pub fn of_runtime(name: &str) -> Self {
        let profile = if name == "scientific" { Profile::Scientific } else { Profile::Python };
        Self { profile, is_fuelled: false }
    }

    /// `CPython` with compiled packages.
    pub const fn scientific() -> Self {
        Self { profile: Profile::Scientific, is_fuelled: false }
    }

    /// `CPython`.
    pub const fn python(is_fuelled: bool) -> Self {
        Self { profile: Profile::Python, is_fuelled }
    }
}

/// A compiled component.
#[derive(Debug, Clone, Copy)]
pub enum Artefact<'a> {
    /// Its bytes, which are copied.
    Bytes(&'a [u8]),
    /// A file that holds it, which is mapped: processes share what of it they use. It must never change.
    File(&'a Path),
}

/// Compiles components and runs tasks in them.
pub struct Sandbox {
    options: SandboxOptions,
    plain: Arc<SharedEngine>,
    /// The engine that counts fuel, made for the first closure that has some.
    fuelled: Mutex<Option<Arc<SharedEngine>>>,
}

/// A component that is compiled and linked, ready for instances.
pub struct Definition {
    engine: Arc<SharedEngine>,
    /// That of its engines that runs it.
    runs: wasmtime::Engine,
    is_polled: bool,
    instance: InstancePre<TaskState>,
    define: ComponentExportIndex,
    call: ComponentExportIndex,
    is_fuelled: bool,
    beside: Beside,
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Definition")
            .field("is_fuelled", &self.is_fuelled)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A sandbox of the process's engine for these options.
    ///
    /// # Errors
    /// If the engine, or the thread that interrupts its tasks, cannot be made.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        Ok(Self { options, plain: shared(options.engine(false))?, fuelled: Mutex::new(None) })
    }

    /// How it was made.
    pub fn options(&self) -> SandboxOptions {
        self.options
    }

    /// Compiles a component in this process.
    ///
    /// # Errors
    /// If it is invalid, or not of the world that closures are of.
    pub fn compile(&self, component: &[u8], is_fuelled: bool) -> Result<Definition, CompileError> {
        self.compile_parts(&self.take_apart(component)?, is_fuelled)
    }

    /// What of a component is compiled, and what is not.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn take_apart<'a>(&self, component: &'a [u8]) -> Result<Parts<'a>, CompileError> {
        Parts::new(component, self.options.profile).map_err(CompileError::Image)
    }

    /// Compiles a component that was taken apart, in this process.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_parts(
        &self,
        parts: &Parts<'_>,
        is_fuelled: bool,
    ) -> Result<Definition, CompileError> {
        let engine = self.engine(is_fuelled)?;
        let component =
            engine.compile(parts.code(), parts.beside.can_poll).map_err(CompileError::Invalid)?;
        Definition::new(engine, &component, parts.beside.clone(), is_fuelled)
    }

    /// Compiles the [code](Parts::code) of a component to an artefact for [`Sandbox::load`].
    ///
    /// # Errors
    /// If it is invalid.
    pub fn precompile(&self, code: &[u8], is_fuelled: bool) -> Result<Vec<u8>, CompileError> {
        let engine = self.engine(is_fuelled)?;
        engine.precompile(code).map_err(CompileError::Invalid)
    }

    /// Compiles a core module, and forgets it: the compiler is quicker the second time.
    ///
    /// # Errors
    /// If it is invalid.
    pub fn precompile_core(&self, module: &[u8]) -> Result<(), CompileError> {
        let engine = self.engine(false)?;
        engine.engine.precompile_module(module).map(drop).map_err(CompileError::Invalid)
    }

    /// Loads what [`Sandbox::precompile`] made in this or another process.
    ///
    /// # Errors
    /// If it was made for another engine, or the component is not of the world that closures are of.
    ///
    /// # Safety
    /// `artefact` must be unchanged output of [`Sandbox::precompile`] for the code of these parts, and stay that: it is machine code, and will run.
    pub unsafe fn load(
        &self,
        parts: &Parts<'_>,
        artefact: Artefact<'_>,
        is_fuelled: bool,
    ) -> Result<Definition, CompileError> {
        let engine = self.engine(is_fuelled)?;
        let runs = engine.engine_of(parts.beside.can_poll).map_err(SandboxError::Engine)?;
        // SAFETY: the caller's promise is the one that these functions ask for.
        let component = unsafe {
            match artefact {
                Artefact::Bytes(bytes) => Component::deserialize(runs, bytes),
                Artefact::File(path) => Component::deserialize_file(runs, path),
            }
        };
        let component = component.map_err(CompileError::Artefact)?;
        Definition::new(engine, &component, parts.beside.clone(), is_fuelled)
    }

    /// A digest of all that must be equal for [`Sandbox::load`] to take an artefact.
    ///
    /// # Errors
    /// If the engine cannot be made.
    pub fn compatibility(&self, is_fuelled: bool) -> Result<u64, SandboxError> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.engine(is_fuelled)?.engine.precompile_compatibility_hash().hash(&mut hasher);
        nans::PROOF_VERSION.hash(&mut hasher);
        split::VERSION.hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn engine(&self, is_fuelled: bool) -> Result<Arc<SharedEngine>, SandboxError> {
        if !is_fuelled {
            return Ok(Arc::clone(&self.plain));
        }
        let mut fuelled = self.fuelled.lock();
        if let Some(engine) = &*fuelled {
            return Ok(Arc::clone(engine));
        }
        let engine = shared(self.options.engine(true))?;
        *fuelled = Some(Arc::clone(&engine));
        Ok(engine)
    }
}

fn shared(options: EngineOptions) -> Result<Arc<SharedEngine>, SandboxError> {
    let engine = SharedEngine::get(options).map_err(SandboxError::Engine)?;
    if engine.ticker.is_started() { Ok(engine) } else { Err(SandboxError::Ticker) }
}

impl Definition {
    fn new(
        engine: Arc<SharedEngine>,
        component: &Component,
        beside: Beside,
        is_fuelled: bool,
    ) -> Result<Self, CompileError> {
        let instance =
            imports::link(component)?.instantiate_pre(component).map_err(CompileError::Link)?;
        let define = export::<(&[u8],), (run::DefineResult,)>(component, "define")?;
        let call = export::<(&[u8],), (run::CallResult,)>(component, "call")?;
        component.initialize_copy_on_write_image().map_err(CompileError::Invalid)?;
        let is_polled = engine.polls(beside.can_poll);
        let runs = component.engine().clone();
        Ok(Self { engine, runs, is_polled, instance, define, call, is_fuelled, beside })
    }

    /// Bytes of its machine code, and what belongs to that.
    pub(crate) fn code_bytes(&self) -> usize {
        let code = self.instance.component().image_range();
        code.end as usize - code.start as usize
    }
}

/// Whether a component is compiled without replacing NaNs, as it shows none but those it replaced itself.
pub fn hides_nans(component: &[u8]) -> bool {
    nans::are_hidden(component)
}

/// The index of an exported function, if it is of these types.
fn export<Params, Return>(
    component: &Component,
    name: &'static str,
) -> Result<ComponentExportIndex, CompileError>
where
    Params: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
    Return: wasmtime::component::ComponentNamedList + wasmtime::component::Lift,
{
    let missing = || CompileError::Export { name };
    let (item, index) = component.get_export(None, name).ok_or_else(missing)?;
    let ComponentItem::ComponentFunc(function) = item else {
        return Err(missing());
    };
    let world = component.component_type();
    function.typecheck::<Params, Return>(&world.instance_type()).map_err(|_| missing())?;
    Ok(index)
}
