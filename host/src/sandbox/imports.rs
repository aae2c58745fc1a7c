//! What a component may import: the interfaces of `wit/closure.wit`, and WASI without any authority.
//!
//! WASI's interfaces come with every language's standard library, so a component that merely *imports* them is
//! not refused. What asks for time, randomness, environment or files is answered the same way on every host, unless the
//! closure was granted it; all else traps when it is called.

use std::time::Duration;

use spm_protocol::TrapCode;
use spm_protocol::limits::{OUTPUT_BYTES_MAX, RAISED_BYTES_MAX};
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType, Val, WasmList};

use super::CompileError;
use super::grants::{self, Granted};
use super::managed;
use super::state::{Ended, TaskState};

/// Package and version of the interfaces that closures import.
const LOG: &str = "spm:closure/log@0.1.0";
const TASK: &str = "spm:closure/task@0.1.0";
const FAULT: &str = "spm:closure/fault@0.1.0";
const PROGRAM: &str = "spm:closure/program@0.1.0";

/// Names of the world's own interfaces.
const OWN_INTERFACES: &[&str] = &["log", "task", "hub", "tree", "team", "fault", "program"];

/// WASI packages whose interfaces are linked to stubs.
const STUBBED_PACKAGES: &[&str] =
    &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Random bytes that one call of a stub gives at most.
const RANDOM_BYTES_MAX: u64 = 1024 * 1024;

/// What the stub of the wall clock shows at first, in nanoseconds of Unix time: the year 2000. Formats such as ZIP cannot
/// say 1970.
const WALL_CLOCK_NS: u64 = 946_684_800_000_000_000;

/// Whether a component may import an interface of this name.
pub fn is_allowed(name: &str) -> bool {
    let interface = unversioned(name);
    interface.strip_prefix("spm:closure/").is_some_and(|own| OWN_INTERFACES.contains(&own))
        || STUBBED_PACKAGES.iter().any(|package| interface.starts_with(package))
}

/// A type without values: stubs never hand out a resource.
struct NoResource;

/// A linker with everything `component` imports.
pub(super) fn link(component: &Component) -> Result<Linker<TaskState>, CompileError> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    link_own(&mut linker).map_err(CompileError::Link)?;
    for (name, item) in component.component_type().imports(engine) {
        if !is_allowed(name) {
            return Err(CompileError::ForbiddenImport { name: name.to_owned() });
        }
        if name.starts_with("spm:") {
            continue;
        }
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            return Err(CompileError::ForbiddenImport { name: name.to_owned() });
        };
        let interface = unversioned(name);
        let mut stubs = linker.instance(name).map_err(CompileError::Link)?;
        for (item_name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => stub(&mut stubs, interface, item_name),
                ComponentItem::Resource(_) => {
                    stubs.resource(item_name, ResourceType::host::<NoResource>(), |_, _| Ok(()))
                }
                _ => Ok(()),
            }
            .map_err(CompileError::Link)?;
        }
    }
    Ok(linker)
}

fn link_own(linker: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    let mut log = linker.instance(LOG)?;
    log.func_wrap(
        "print",
        |mut store: StoreContextMut<'_, TaskState>, (text,): (WasmList<u8>,)| {
            let text = text.as_le_slice(&store);
            if text.len() > OUTPUT_BYTES_MAX {
                return Err(Ended::Violation(TrapCode::OutputLimit).into());
            }
            // The text is the guest's and the state the store's: they cannot be borrowed together.
            let text = text.to_vec();
            store.data_mut().print(&text)?;
            Ok(())
        },
    )?;
    let mut task = linker.instance(TASK)?;
    task.func_wrap("index", |store: StoreContextMut<'_, TaskState>, (): ()| {
        Ok((store.data().index,))
    })?;
    task.func_wrap("attempt", |mut store: StoreContextMut<'_, TaskState>, (): ()| {
        let state = store.data_mut();
        state.is_impure = true;
        Ok((state.attempt,))
    })?;
    task.func_wrap("seed", |store: StoreContextMut<'_, TaskState>, (): ()| {
        Ok((store.data().seed,))
    })?;
    task.func_wrap(
        "sleep",
        |mut store: StoreContextMut<'_, TaskState>, (nanoseconds,): (u64,)| {
            Ok(store.data_mut().sleep(Duration::from_nanos(nanoseconds))?)
        },
    )?;
    task.func_wrap("manager", |store: StoreContextMut<'_, TaskState>, (): ()| {
        Ok((store.data().manager() as u32,))
    })?;
    let mut fault = linker.instance(FAULT)?;
    fault.func_wrap(
        "raise",
        |mut store: StoreContextMut<'_, TaskState>, (record,): (WasmList<u8>,)| {
            let record = record.as_le_slice(&store);
            if record.len() > RAISED_BYTES_MAX {
                return Err::<(), _>(Ended::Violation(TrapCode::ResultLimit).into());
            }
            let record = record.to_vec();
            Err(store.data_mut().raise(record).into())
        },
    )?;
    linker.instance(PROGRAM)?.func_wrap(
        "exit",
        |mut store: StoreContextMut<'_, TaskState>,
         (result,): (WasmList<u8>,)|
         -> wasmtime::Result<()> {
            let result = result.as_le_slice(&store).to_vec();
            Err(store.data_mut().exit(result).into())
        },
    )?;
    managed::link(linker)
}

/// What a function of WASI answers; nothing to arguments that it does not take.
type Answer = fn(&mut TaskState, &[Val]) -> Option<Val>;

/// Whether a call of this function comes back: those of WASI that have no answer here trap.
pub fn is_answered(interface: &str, name: &str) -> bool {
    interface.starts_with("spm:") || answer_of(unversioned(interface), name).is_some()
}

/// An interface's name without its version.
fn unversioned(interface: &str) -> &str {
    interface.split('@').next().unwrap_or(interface)
}

/// The answer of a function of WASI, if it has one.
fn answer_of(interface: &str, name: &str) -> Option<Answer> {
    let answer: Answer = match (interface, name) {
        ("wasi:cli/environment", "get-environment") => |state, _| Some(state.environment()),
        ("wasi:cli/environment", "get-arguments")
        | ("wasi:filesystem/preopens", "get-directories") => |_, _| Some(Val::List(Vec::new())),
        ("wasi:cli/environment", "initial-cwd") => |_, _| Some(Val::Option(None)),
        ("wasi:clocks/monotonic-clock", "now") => {
            |state, _| Some(Val::U64(state.look_at_clock(grants::monotonic_ns, 0)))
        }
        ("wasi:clocks/monotonic-clock", "resolution") => |_, _| Some(Val::U64(1)),
        ("wasi:clocks/wall-clock", "now") => {
            |state, _| Some(datetime(state.look_at_clock(grants::unix_ns, WALL_CLOCK_NS)))
        }
        ("wasi:clocks/wall-clock", "resolution") => |_, _| Some(datetime(1)),
        ("wasi:random/random", "get-random-u64") => |state, _| state.random_u64().map(Val::U64),
        ("wasi:random/insecure", "get-insecure-random-u64") => {
            |state, _| Some(Val::U64(state.draw()))
        }
        ("wasi:random/insecure-seed", "insecure-seed") => {
            |state, _| Some(Val::Tuple(vec![Val::U64(state.draw()), Val::U64(state.draw())]))
        }
        ("wasi:random/random", "get-random-bytes") => {
            |state, parameters| state.random_bytes(byte_count(parameters)?)
        }
        ("wasi:random/insecure", "get-insecure-random-bytes") => {
            |state, parameters| Some(state.drawn_bytes(byte_count(parameters)?))
        }
        _ => return None,
    };
    Some(answer)
}

/// Links a function of WASI to its answer, or to a trap.
fn stub(
    stubs: &mut LinkerInstance<'_, TaskState>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<()> {
    let answer = answer_of(interface, name);
    stubs.func_new(name, move |mut store, _, parameters, results| {
        let value = answer.and_then(|answer| answer(store.data_mut(), parameters));
        match (value, results) {
            (Some(value), [result]) => {
                *result = value;
                Ok(())
            }
            _ => Err(Ended::Violation(TrapCode::ImportDenied).into()),
        }
    })
}

/// How many random bytes are asked for, if that is not too many.
fn byte_count(parameters: &[Val]) -> Option<usize> {
    match parameters {
        [Val::U64(count)] if *count <= RANDOM_BYTES_MAX => Some(*count as usize),
        _ => None,
    }
}

fn datetime(ns: u64) -> Val {
    Val::Record(vec![
        ("seconds".to_owned(), Val::U64(ns / 1_000_000_000)),
        ("nanoseconds".to_owned(), Val::U32((ns % 1_000_000_000) as u32)),
    ])
}

fn bytes_value(bytes: impl IntoIterator<Item = u8>) -> Val {
    Val::List(bytes.into_iter().map(Val::U8).collect())
}

impl TaskState {
    /// What was granted, as far as `is_it` says so. Whoever uses it sees what another attempt may see differently.
    fn use_grant(&mut self, is_it: impl FnOnce(&Granted) -> bool) -> Option<&Granted> {
        let granted = self.granted.as_deref().filter(|granted| is_it(granted))?;
        self.is_impure = true;
        Some(granted)
    }

    fn environment(&mut self) -> Val {
        let granted = self.use_grant(|granted| !granted.environment.is_empty());
        let variables = granted.map_or(&[][..], |granted| &granted.environment);
        let text = |text: &String| Val::String(text.clone());
        let pairs = variables.iter().map(|(name, value)| Val::Tuple(vec![text(name), text(value)]));
        Val::List(pairs.collect())
    }

    /// What a clock shows: the host's if it was granted, or else a microsecond more at every look.
    /// That begins with `begin_ns`.
    fn look_at_clock(&mut self, real: fn() -> u64, begin_ns: u64) -> u64 {
        if self.use_grant(|granted| granted.clock).is_some() {
            return real();
        }
        self.clock_ns += 1000;
        begin_ns + self.clock_ns
    }

    fn random_u64(&mut self) -> Option<u64> {
        match self.use_grant(|granted| granted.random) {
            Some(_) => getrandom::u64().ok(),
            None => Some(self.draw()),
        }
    }

    fn random_bytes(&mut self, count: usize) -> Option<Val> {
        if self.use_grant(|granted| granted.random).is_none() {
            return Some(self.drawn_bytes(count));
        }
        let mut bytes = vec![0; count];
        getrandom::fill(&mut bytes).ok()?;
        Some(bytes_value(bytes))
    }

    fn drawn_bytes(&mut self, count: usize) -> Val {
        bytes_value((0..count).map(|_| self.draw() as u8))
    }

    /// The next pseudo-random number: the same for every attempt at the task (`SplitMix64`).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random ^ self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
