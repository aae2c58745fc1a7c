//! From a component's bytes to a definition: from memory, from the cache on disk, or by compiling.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use spm_protocol::ContentId;
use spm_protocol::limits::MIB;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cache::{ArtefactCache, CACHE_BYTES_MAX, CacheError, CacheKey};
use crate::compile_child::{ChildCompiler, CompileChildError, chain};
use crate::sandbox::{
    Artefact, CompileError, Definition, Kind, Parts, Profile, Sandbox, SandboxError,
    SandboxOptions, give_back_memory,
};
use crate::verify::{self, ComponentError};

/// Definitions kept in memory although no session uses them.
const DEFINITIONS_MAX: usize = 256;
/// Bytes of machine code of small components, used and unused together. A few lines of code can become many MB.
const CODE_BYTES_MAX: usize = 1024 * MIB;
/// How long a compilation may take before it must make way for others. It goes on if few others take as long.
const SHORT_TURN: Duration = Duration::from_secs(1);

/// Where components are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileMode {
    /// Here: for a submitter's own code in a process of its own.
    InProcess,
    /// In a child process with limits on time and memory: for strangers' code.
    Child {
        /// A binary of SPM's host.
        executable: PathBuf,
        /// How long it may take for a component; for those of an interpreter with compiled packages it is longer.
        timeout: Duration,
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
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] ComponentError),
    /// There is no room for its machine code.
    #[error(
        "this host holds {held_bytes} bytes of machine code for those who use it, and no more than {limit}: its {bytes} do not fit"
    )]
    Full {
        /// What it has.
        bytes: usize,
        /// What others have.
        held_bytes: usize,
        /// What there may be.
        limit: usize,
    },
    /// Nobody waits for it any more, or the host stops.
    #[error("nobody waits for it any more")]
    Abandoned,
}

impl DefineError {
    /// The error and its causes in one line.
    pub fn reason(&self) -> String {
        chain(self)
    }
}

/// Runtimes in use by anyone in this process. Hosts in one process need not each have the code and the memory image of
/// an interpreter.
static RUNTIMES: Mutex<BTreeMap<(ContentId, Kind, SandboxOptions), Weak<Definition>>> =
    Mutex::new(BTreeMap::new());
/// Held by the thread of this process that compiles a runtime.
static COMPILING_RUNTIME: Mutex<()> = Mutex::new(());
/// How often whoever waits for that looks whether it still has to.
const COMPILING_LOOK: Duration = Duration::from_millis(50);

/// Makes definitions, and keeps those it made.
pub struct Definer {
    options: SandboxOptions,
    small: Sandbox,
    /// Made when the first closure needs it.
    python: OnceLock<Sandbox>,
    scientific: OnceLock<Sandbox>,
    child: Option<ChildCompiler>,
    cache: Option<ArtefactCache>,
    kept: Mutex<Kept>,
    /// Small components whose machine code is in memory.
    code: Mutex<Vec<Weak<Definition>>>,
    code_bytes_max: usize,
    /// Compilations of small components that may still begin.
    compiling: Arc<Semaphore>,
    /// The same for those that have taken longer than a short turn.
    compiling_long: Arc<Semaphore>,
    /// The same for runtimes: one, so that nobody compiles what another is compiling, and small ones do not wait.
    compiling_runtime: Arc<Semaphore>,
    is_stopped: AtomicBool,
}

/// The right to compile.
#[derive(Debug)]
pub(crate) struct Turn {
    permit: Mutex<OwnedSemaphorePermit>,
    /// Where a turn that takes long comes from; nothing for one that may.
    long: Option<Arc<Semaphore>>,
    begun: Instant,
    state: Mutex<TurnState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnState {
    Short,
    Long,
    Outstayed,
}

impl Turn {
    async fn wait(from: &Arc<Semaphore>, long: Option<Arc<Semaphore>>) -> Result<Self, String> {
        let permit = Arc::clone(from).acquire_owned().await;
        let permit = permit.map_err(|_| "this host stops".to_owned())?;
        let state = if long.is_some() { TurnState::Short } else { TurnState::Long };
        Ok(Self {
            permit: Mutex::new(permit),
            long,
            begun: Instant::now(),
            state: Mutex::new(state),
        })
    }

    /// Whether whoever has it must stop. A short turn that is used up becomes a long one, if there is one.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.state.lock();
        if *state == TurnState::Short
            && let Some(long) = &self.long
            && self.begun.elapsed() >= SHORT_TURN
        {
            *state = match Arc::clone(long).try_acquire_owned() {
                Ok(permit) => {
                    *self.permit.lock() = permit;
                    TurnState::Long
                }
                Err(_) => TurnState::Outstayed,
            };
        }
        *state == TurnState::Outstayed
    }

    /// Whether it was over before its compilation was.
    pub(crate) fn is_outstayed(&self) -> bool {
        *self.state.lock() == TurnState::Outstayed
    }
}

#[derive(Default)]
struct Kept {
    definitions: BTreeMap<(ContentId, Kind), KeptDefinition>,
    clock: u64,
}

impl Kept {
    /// Forgets the definition that was used longest ago; whoever uses it keeps it.
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.definitions.iter().min_by_key(|(_, known)| known.used);
        let Some(oldest) = oldest.map(|(key, _)| *key) else { return false };
        self.definitions.remove(&oldest).is_some()
    }
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
        options: SandboxOptions,
        mode: &CompileMode,
        cache: Option<ArtefactCache>,
        slots: u32,
    ) -> Result<Self, SandboxError> {
        let child = match mode {
            CompileMode::InProcess => None,
            CompileMode::Child { executable, timeout } => {
                Some(ChildCompiler::with_timeout(executable, *timeout))
            }
        };
        Ok(Self {
            options,
            small: Sandbox::new(options.with(Profile::Small))?,
            python: OnceLock::new(),
            scientific: OnceLock::new(),
            child,
            cache,
            kept: Mutex::default(),
            code: Mutex::default(),
            code_bytes_max: CODE_BYTES_MAX,
            compiling: Arc::new(Semaphore::new((slots as usize / 2).max(1))),
            compiling_long: Arc::new(Semaphore::new((slots as usize / 2).max(1))),
            compiling_runtime: Arc::new(Semaphore::new(1)),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// For a submitter's own code in its own process. Compiled runtimes are kept in `cache_dir`, if it can be used.
    ///
    /// # Errors
    /// If there is no engine.
    pub fn in_process(
        options: SandboxOptions,
        cache_dir: Option<&Path>,
        slots: u32,
    ) -> Result<Self, SandboxError> {
        let cache = cache_dir.and_then(|dir| match ArtefactCache::open(dir, CACHE_BYTES_MAX) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let error: &CacheError = &error;
                tracing::warn!(error = chain(error), "compiled runtimes are not kept");
                None
            }
        });
        Self::new(options, &CompileMode::InProcess, cache, slots)
    }

    /// Waits until it is the caller's turn for [`Self::define`]. To be held until that has returned, whoever still
    /// wants its result.
    pub(crate) async fn turn(&self, profile: Profile) -> Result<Turn, String> {
        match profile {
            Profile::Small => {
                Turn::wait(&self.compiling, Some(Arc::clone(&self.compiling_long))).await
            }
            Profile::Python | Profile::Scientific => {
                Turn::wait(&self.compiling_runtime, None).await
            }
        }
    }

    /// The same for what has [outstayed](Turn::is_outstayed) its turn.
    pub(crate) async fn long_turn(&self) -> Result<Turn, String> {
        Turn::wait(&self.compiling_long, None).await
    }

    /// Checks that a component is valid, where it would be compiled. Blocks; gives up soon after `is_abandoned`, unless
    /// that is this process.
    pub(crate) fn validate(
        &self,
        component: &[u8],
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<(), DefineError> {
        match &self.child {
            Some(child) => Ok(child.validate_until(component, is_abandoned)?),
            None => Ok(verify::validate(component)?),
        }
    }

    /// Makes the next compilation quicker, where that can be done ahead.
    pub(crate) fn warm_up(&self) {
        if let Some(child) = &self.child {
            child.warm_up();
        }
    }

    /// Leaves no process behind.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.compiling.close();
        self.compiling_long.close();
        self.compiling_runtime.close();
        if let Some(child) = &self.child {
            child.stop();
        }
        self.kept.lock().definitions.clear();
    }

    /// The definition of a component, if it is in memory and starts within `memory_bytes`.
    pub(crate) fn known(
        &self,
        id: ContentId,
        kind: Kind,
        memory_bytes: u64,
    ) -> Option<Arc<Definition>> {
        let mut kept = self.kept.lock();
        kept.clock += 1;
        let clock = kept.clock;
        let known = kept.definitions.get_mut(&(id, kind))?;
        known.used = clock;
        (known.initial_bytes <= memory_bytes).then(|| Arc::clone(&known.definition))
    }

    /// The definition of a component whose content is `component`, was verified, and starts with `initial_bytes` of
    /// memory. Blocks while it compiles; gives up soon after `is_abandoned`, unless it compiles in this process.
    ///
    /// # Errors
    /// If it cannot be compiled, or nobody waits any more.
    pub fn define(
        &self,
        id: ContentId,
        component: &[u8],
        kind: Kind,
        initial_bytes: u64,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Arc<Definition>, DefineError> {
        if let Some(definition) = self.known(id, kind, u64::MAX) {
            return Ok(definition);
        }
        let definition = match kind.profile {
            Profile::Small => {
                let definition = Arc::new(self.make(id, component, kind, is_abandoned)?);
                self.make_room(&definition)?;
                definition
            }
            Profile::Python | Profile::Scientific => {
                self.make_once(id, component, kind, is_abandoned)?
            }
        };
        let mut kept = self.kept.lock();
        kept.clock += 1;
        let known =
            KeptDefinition { definition: Arc::clone(&definition), initial_bytes, used: kept.clock };
        kept.definitions.insert((id, kind), known);
        if kept.definitions.len() > DEFINITIONS_MAX {
            kept.forget_oldest();
        }
        Ok(definition)
    }

    /// Notes a definition of a small component, and forgets others that nobody uses if there is too much code.
    fn make_room(&self, definition: &Arc<Definition>) -> Result<(), DefineError> {
        let mut code = self.code.lock();
        let bytes = definition.code_bytes();
        loop {
            code.retain(|definition| definition.strong_count() > 0);
            let held_bytes: usize =
                code.iter().filter_map(Weak::upgrade).map(|held| held.code_bytes()).sum();
            if held_bytes + bytes <= self.code_bytes_max {
                code.push(Arc::downgrade(definition));
                return Ok(());
            }
            if !self.kept.lock().forget_oldest() {
                let limit = self.code_bytes_max;
                return Err(DefineError::Full { bytes, held_bytes, limit });
            }
        }
    }

    /// Makes the definition of a runtime, or finds what another host in this process made or makes.
    fn make_once(
        &self,
        id: ContentId,
        component: &[u8],
        kind: Kind,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Arc<Definition>, DefineError> {
        let is_abandoned = || is_abandoned() || self.is_stopped.load(Ordering::SeqCst);
        let key = (id, kind, self.options.with(kind.profile));
        let known = || RUNTIMES.lock().get(&key).and_then(Weak::upgrade);
        if let Some(definition) = known() {
            return Ok(definition);
        }
        let _compiling = lock_compiling(&is_abandoned)?;
        if let Some(definition) = known() {
            return Ok(definition);
        }
        let definition = Arc::new(self.make(id, component, kind, &is_abandoned)?);
        give_back_memory();
        let mut runtimes = RUNTIMES.lock();
        runtimes.retain(|_, definition| definition.strong_count() > 0);
        runtimes.insert(key, Arc::downgrade(&definition));
        Ok(definition)
    }

    fn sandbox(&self, profile: Profile) -> Result<&Sandbox, SandboxError> {
        match profile {
            Profile::Small => Ok(&self.small),
            Profile::Python => made(&self.python, self.options.with(profile)),
            Profile::Scientific => made(&self.scientific, self.options.with(profile)),
        }
    }

    fn make(
        &self,
        id: ContentId,
        component: &[u8],
        kind: Kind,
        is_abandoned: &dyn Fn() -> bool,
    ) -> Result<Definition, DefineError> {
        let Kind { profile, is_fuelled } = kind;
        let sandbox = self.sandbox(profile).map_err(CompileError::from)?;
        let parts = sandbox.take_apart(component)?;
        // Interpreters that differ in what they begin with, and in nothing else, are compiled once.
        let compiled = if profile.is_interpreter() { ContentId::of(parts.code()) } else { id };
        let compatibility = sandbox.compatibility(is_fuelled).map_err(CompileError::from)?;
        let key = CacheKey { component: compiled, compatibility };
        // What is compiled here in milliseconds is not worth a file.
        let is_cached = profile.is_interpreter() || self.child.is_some();
        let cache = self.cache.as_ref().filter(|_| is_cached);
        if let Some(definition) =
            cache.and_then(|cache| cached(cache, &key, sandbox, &parts, is_fuelled))
        {
            return Ok(definition);
        }
        // Several processes may use one folder.
        let _lock = match cache {
            Some(cache) if profile.is_interpreter() => {
                let lock = cache.lock_compile(is_abandoned);
                if is_abandoned() {
                    return Err(DefineError::Abandoned);
                }
                if let Some(definition) = self::cached(cache, &key, sandbox, &parts, is_fuelled) {
                    return Ok(definition);
                }
                lock
            }
            _ => None,
        };
        let begun = Instant::now();
        if profile.is_interpreter() {
            tracing::info!(component = %id, bytes = component.len(), "compiling a runtime");
        }
        let artefact = match (&self.child, cache) {
            (Some(child), _) => child.compile_until(parts.code(), kind, is_abandoned)?,
            (None, Some(_)) => sandbox.precompile(parts.code(), is_fuelled)?,
            (None, None) => return Ok(sandbox.compile_parts(&parts, is_fuelled)?),
        };
        if profile.is_interpreter() {
            let (took, bytes) = (begun.elapsed(), artefact.len());
            tracing::info!(component = %id, ?took, bytes, "compiled a runtime");
        }
        // SAFETY: it is output of `precompile`, here or in a process that runs our own binary, over a pipe that only we
        // and it hold.
        let definition = unsafe { sandbox.load(&parts, Artefact::Bytes(&artefact), is_fuelled) }?;
        let Some(cache) = cache else { return Ok(definition) };
        cache.put(&key, &artefact);
        if profile == Profile::Small {
            return Ok(definition);
        }
        // A file's pages are shared by all processes that map it, and are no memory of ours.
        drop(artefact);
        Ok(self::cached(cache, &key, sandbox, &parts, is_fuelled).unwrap_or(definition))
    }
}

/// The sandbox of a profile, made when the first closure needs it.
fn made(sandbox: &OnceLock<Sandbox>, options: SandboxOptions) -> Result<&Sandbox, SandboxError> {
    if let Some(sandbox) = sandbox.get() {
        return Ok(sandbox);
    }
    let made = Sandbox::new(options)?;
    Ok(sandbox.get_or_init(|| made))
}

/// The definition of an artefact in the cache.
fn cached(
    cache: &ArtefactCache,
    key: &CacheKey,
    sandbox: &Sandbox,
    parts: &Parts<'_>,
    is_fuelled: bool,
) -> Option<Definition> {
    let cached = cache.get(key)?;
    // SAFETY: the cache gives out only what was put into it under this key, unchanged, which was output of
    // `precompile`. Files in it are replaced, and never written to again.
    match unsafe { sandbox.load(parts, cached.artefact(), is_fuelled) } {
        Ok(definition) => Some(definition),
        Err(error) => {
            let id = key.component;
            tracing::warn!(%id, error = chain(&error), "cached artefact is not for this engine");
            None
        }
    }
}

fn lock_compiling(is_abandoned: &dyn Fn() -> bool) -> Result<MutexGuard<'static, ()>, DefineError> {
    loop {
        if let Some(compiling) = COMPILING_RUNTIME.try_lock_for(COMPILING_LOOK) {
            return Ok(compiling);
        }
        if is_abandoned() {
            return Err(DefineError::Abandoned);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definer(code_bytes_max: usize) -> Definer {
        let options = SandboxOptions::in_process();
        Definer {
            code_bytes_max,
            ..Definer::new(options, &CompileMode::InProcess, None, 2).unwrap()
        }
    }

    /// Components that differ in a function that nobody calls.
    fn define(definer: &Definer, number: usize) -> Result<Arc<Definition>, DefineError> {
        let text = format!(
            r#"(component
              (core module $m
                (memory (export "memory") 1)
                (func (param i64) (result i64) (i64.add (local.get 0) (i64.const {number})))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "call") (param i32 i32) (result i32) (i32.const 0)))
              (core instance $i (instantiate $m))
              (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
                (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc"))))
              (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
                (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc")))))"#
        );
        let component = wat::parse_str(text).unwrap();
        definer.define(ContentId::of(&component), &component, Kind::small(false), 0, &|| false)
    }

    #[test]
    fn code_that_nobody_uses_makes_room() {
        let bytes = define(&definer(CODE_BYTES_MAX), 0).unwrap().code_bytes();
        assert!(bytes > 0);
        let definer = definer(3 * bytes + bytes / 2);
        for number in 0..10 {
            define(&definer, number).unwrap();
        }
        let used: Vec<_> = (0..3).map(|number| define(&definer, number).unwrap()).collect();
        let full = define(&definer, 3).unwrap_err();
        assert!(matches!(full, DefineError::Full { .. }), "{full}");
        drop(used);
        define(&definer, 3).unwrap();
    }

    #[tokio::test]
    async fn what_takes_long_makes_way() {
        let definer = definer(CODE_BYTES_MAX);
        let turn = async || {
            let turn = definer.turn(Profile::Small).await.unwrap();
            assert!(!turn.is_over());
            Turn { begun: Instant::now().checked_sub(SHORT_TURN).unwrap(), ..turn }
        };
        // The first that takes long goes on, and the short turn is another's.
        let first = turn().await;
        assert!(!first.is_over());
        let second = turn().await;
        assert!(second.is_over() && second.is_outstayed());
        drop(second);
        let mut long = Box::pin(definer.long_turn());
        assert!(futures::poll!(&mut long).is_pending());
        drop(first);
        let long = long.await.unwrap();
        assert!(!long.is_over());
        drop(turn().await);
    }
}
