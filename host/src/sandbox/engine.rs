//! Engines: one for each profile and process, shared by all hosts in it, and the ticker of their epochs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use spm_protocol::limits::{
    INSTANCES_MAX, INTERPRETER_STACK_BYTES_MAX, MEMORY_BYTES_MAX, RAISED_FRAMES_MAX,
    STACK_BYTES_MAX, TABLE_ELEMENTS_MAX,
};
use wasmtime::component::Component;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::nans;
use super::pages::{Creator, Image};
use super::split::{self, Access, Split};
use super::ticker::Ticker;

/// Tasks that one process can run at the same time, all hosts in it together.
pub const CONCURRENT_TASKS_MAX: u32 = 256;

/// Threads that compile one component. More need much more memory, each for the function it is at.
const COMPILE_THREADS_MAX: usize = 8;

/// What kind of component an engine is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Components of a few kB to a few MB, with one memory: compiled Python, the guest SDK.
    Small,
    /// An interpreter of tens of MB, linked of a dozen modules that share a memory and a large table: `CPython`.
    Python,
    /// One of a hundred MB, which takes what Python's compiled packages are compiled with: exceptions of `WebAssembly`.
    Scientific,
}

/// What a component of a profile may consist of, so that every task finds room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Core instances of a component. The component tools make three or four of a small one: the module, and shims
    /// for its imports. `CPython` with its libraries is fifteen.
    pub core_instances: u32,
    /// Linear memories, for each of which tasks reserve address space.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
}

impl Profile {
    /// The profile that an engine's components are run with.
    pub const fn of(engine: spm_protocol::Engine) -> Self {
        match engine {
            spm_protocol::Engine::Native | spm_protocol::Engine::Guest => Self::Small,
            spm_protocol::Engine::Python => Self::Python,
            spm_protocol::Engine::Scientific => Self::Scientific,
        }
    }

    /// What its components may consist of.
    pub const fn bounds(self) -> Bounds {
        let core_instances = INSTANCES_MAX as u32;
        match self {
            Self::Small => Bounds { core_instances, memories: 2, tables: 8 },
            // One of each, and one more for the shims of its imports.
            Self::Python | Self::Scientific => Bounds { core_instances, memories: 2, tables: 2 },
        }
    }

    /// Native stack that a guest may use.
    const fn stack_bytes(self) -> usize {
        match self {
            Self::Small => STACK_BYTES_MAX,
            Self::Python | Self::Scientific => INTERPRETER_STACK_BYTES_MAX,
        }
    }

    /// Whether its components are interpreters. These take seconds to compile, so several threads do it; and their
    /// instances are put back into an earlier state.
    pub const fn is_interpreter(self) -> bool {
        matches!(self, Self::Python | Self::Scientific)
    }
}

/// Core instances that a task of the small profile has on average when every task of the process runs.
const INSTANCES_USUAL: u32 = 8;
/// Bytes of such a task's memory that are wiped in place and kept for the next one. Wiping costs less than giving pages
/// back and faulting them in again.
const KEEP_RESIDENT_BYTES: usize = 256 * 1024;

/// How an engine compiles and runs. Engines of equal options are one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineOptions {
    /// What kind of component it is made for.
    pub profile: Profile,
    /// Whether fuel is counted.
    pub fuel: bool,
    /// Whether traps may be raised by signals. Processes that are not ours alone must say no; see
    /// [`crate::sandbox`].
    pub signals: bool,
    /// Whether it only compiles: then no address space is reserved for instances.
    pub compile_only: bool,
}

/// Who sees to it that NaNs have the same bits everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nans {
    /// The engine, after every operation on floats.
    Replaced,
    /// Nobody: the guest was found to hide them, see [`super::nans`].
    Hidden,
}

/// How a guest is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interrupts {
    /// It calls the host when an epoch is over.
    Epochs,
    /// It looks at a flag, see [`super::split`].
    Polls,
}

impl EngineOptions {
    /// The configuration that these options stand for.
    fn config(self, nans: Nans, interrupts: Interrupts) -> Config {
        let mut config = Config::new();
        config
            .epoch_interruption(interrupts == Interrupts::Epochs)
            // Those of the looks that are added; what else a guest hints at makes no difference to what it computes.
            .wasm_branch_hinting(interrupts == Interrupts::Polls)
            .consume_fuel(self.fuel)
            .signals_based_traps(self.signals)
            .cranelift_nan_canonicalization(nans == Nans::Replaced)
            .cranelift_opt_level(OptLevel::Speed)
            .wasm_relaxed_simd(false)
            .relaxed_simd_deterministic(true)
            .wasm_wide_arithmetic(false)
            .wasm_memory64(false)
            .wasm_gc(false)
            .wasm_function_references(false)
            .wasm_exceptions(self.profile == Profile::Scientific)
            .concurrency_support(false)
            .parallel_compilation(self.profile.is_interpreter())
            .max_wasm_stack(self.profile.stack_bytes())
            // No fibers are used, but this must not be smaller.
            .async_stack_size(self.profile.stack_bytes())
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(RAISED_FRAMES_MAX))
            .generate_address_map(true)
            .native_unwind_info(false)
            .memory_reservation(MEMORY_BYTES_MAX);
        match self.profile {
            Profile::Small if self.compile_only => {}
            Profile::Small => {
                config.allocation_strategy(InstanceAllocationStrategy::Pooling(self.pool()));
            }
            Profile::Python | Profile::Scientific => {
                config
                    .allocation_strategy(InstanceAllocationStrategy::OnDemand)
                    .with_host_memory(Arc::new(Creator))
                    .memory_init_cow(false);
            }
        }
        if !self.signals {
            // Guard pages are of no use to code that checks every access.
            config.memory_guard_size(0).guard_before_linear_memory(false);
        }
        config
    }

    fn pool(self) -> PoolingAllocationConfig {
        let bounds = self.profile.bounds();
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(CONCURRENT_TASKS_MAX)
            .total_core_instances(CONCURRENT_TASKS_MAX * INSTANCES_USUAL)
            .total_memories(CONCURRENT_TASKS_MAX * bounds.memories)
            .total_tables(CONCURRENT_TASKS_MAX * bounds.tables)
            .max_core_instances_per_component(bounds.core_instances)
            .max_memories_per_component(bounds.memories)
            .max_memories_per_module(bounds.memories)
            .max_tables_per_component(bounds.tables)
            .max_tables_per_module(bounds.tables)
            .table_elements(TABLE_ELEMENTS_MAX)
            .max_memory_size(MEMORY_BYTES_MAX as usize)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(16 * 1024);
        pool
    }
}

/// What a component has beside what is compiled.
#[derive(Clone, Default)]
pub(super) struct Beside {
    /// What its memory begins with.
    pub(super) image: Option<Arc<Image>>,
    /// The way to its globals, if an instance of it can be put back into an earlier state.
    pub(super) globals: Option<Vec<Access>>,
    /// Whether its code can look at a flag.
    pub(super) can_poll: bool,
}

/// A component as it is compiled: an interpreter's without what its memory begins with.
pub struct Parts<'a> {
    code: Cow<'a, [u8]>,
    pub(super) beside: Beside,
}

impl<'a> Parts<'a> {
    pub(super) fn new(component: &'a [u8], profile: Profile) -> std::io::Result<Self> {
        let split = if profile.is_interpreter() { Split::new(component) } else { None };
        let Some(split) = split else {
            return Ok(Self { code: Cow::Borrowed(component), beside: Beside::default() });
        };
        let image = Some(Arc::new(split.image(component)?));
        let can_poll = profile == Profile::Python && split.can_poll;
        let beside = Beside { image, globals: split.globals, can_poll };
        Ok(Self { code: Cow::Owned(split.code), beside })
    }

    /// What is compiled. Components that differ in what their memory begins with have the same.
    pub fn code(&self) -> &[u8] {
        &self.code
    }
}

/// An engine and what keeps its epoch going.
pub(crate) struct SharedEngine {
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    options: EngineOptions,
    /// Compiles, for `engine`, what hides its NaNs. Made for the first such component.
    hidden: OnceLock<Engine>,
    /// Runs what polls. Made for the first such component.
    polled: OnceLock<Engine>,
}

/// Engines in use. They go with their last user: nothing is kept for a process without hosts.
static ENGINES: Mutex<BTreeMap<EngineOptions, Weak<SharedEngine>>> = Mutex::new(BTreeMap::new());

impl SharedEngine {
    /// The process's engine for `options`.
    pub(crate) fn get(options: EngineOptions) -> wasmtime::Result<Arc<Self>> {
        let mut engines = ENGINES.lock();
        if let Some(engine) = engines.get(&options).and_then(Weak::upgrade) {
            return Ok(engine);
        }
        let engine = Engine::new(&options.config(Nans::Replaced, Interrupts::Epochs))?;
        let ticker = Ticker::start(engine.weak());
        let shared = Arc::new(Self {
            engine,
            ticker,
            options,
            hidden: OnceLock::new(),
            polled: OnceLock::new(),
        });
        if options.compile_only && options.profile == Profile::Small {
            // A process that compiles is started before it has anything to compile.
            shared.hidden()?;
        }
        engines.insert(options, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// What kind of component it is made for.
    pub(super) fn profile(&self) -> Profile {
        self.options.profile
    }

    /// Compiles the code of a component's [`Parts`] to an artefact that `engine` loads.
    pub(crate) fn precompile(&self, component: &[u8]) -> wasmtime::Result<Vec<u8>> {
        if self.profile().is_interpreter() {
            // Wasmtime would make threads that live as long as the process; these end with the compilation.
            let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads.min(COMPILE_THREADS_MAX))
                .thread_name(|index| format!("spm-compile-{index}"))
                .build()?;
            let polled = self.polls(true).then(|| split::add_polls(component)).flatten();
            let compiled = match &polled {
                Some(code) => {
                    let engine = self.engine_of(true)?;
                    pool.install(|| engine.precompile_component(code))
                }
                None => pool.install(|| self.engine.precompile_component(component)),
            };
            drop(pool);
            give_back_memory();
            return compiled;
        }
        if nans::are_hidden(component) {
            self.hidden()?.precompile_component(component)
        } else {
            self.engine.precompile_component(component)
        }
    }

    /// Whether a component polls that can.
    pub(super) fn polls(&self, can_poll: bool) -> bool {
        can_poll && self.profile() == Profile::Python && !self.options.fuel
    }

    /// The engine that runs a component, by whether that can poll.
    pub(super) fn engine_of(&self, can_poll: bool) -> wasmtime::Result<&Engine> {
        if !self.polls(can_poll) {
            return Ok(&self.engine);
        }
        if let Some(engine) = self.polled.get() {
            return Ok(engine);
        }
        let engine = Engine::new(&self.options.config(Nans::Replaced, Interrupts::Polls))?;
        Ok(self.polled.get_or_init(|| engine))
    }

    /// Compiles the code of a component's [`Parts`].
    pub(crate) fn compile(&self, component: &[u8], can_poll: bool) -> wasmtime::Result<Component> {
        if !self.profile().is_interpreter() && !nans::are_hidden(component) {
            return Component::from_binary(&self.engine, component);
        }
        let artefact = self.precompile(component)?;
        // SAFETY: it was made a moment ago, by an engine that differs only in what it adds to operations on floats.
        unsafe { Component::deserialize(self.engine_of(can_poll)?, artefact) }
    }

    fn hidden(&self) -> wasmtime::Result<&Engine> {
        if let Some(engine) = self.hidden.get() {
            return Ok(engine);
        }
        // Whether code replaces NaNs is no property that wasmtime compares when it loads an artefact: it runs the same
        // way. So one engine runs both, and this one needs no address space.
        let options = EngineOptions { compile_only: true, ..self.options };
        let engine = Engine::new(&options.config(Nans::Hidden, Interrupts::Epochs))?;
        Ok(self.hidden.get_or_init(|| engine))
    }
}

/// Gives memory that was freed back to the system. Compiling an interpreter takes hundreds of MB, and glibc keeps what its
/// threads had.
pub(crate) fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // Whether there was any does not matter.
        let _ = malloc_trim(0);
    }
}

impl Drop for SharedEngine {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}
