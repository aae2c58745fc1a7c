//! Where the time of a task of the `python` engine goes, and what its sandboxes take of memory.
//!
//!     cargo bench -p spm-host --bench python_sandbox -- python.wasm [--signals] [--cache DIR] [--sandboxes N]
//!
//! A task is `def f(x): return x + 1`, in one thread: with a fresh instance each, with one that is restored after each, and
//! with one that is left as it is. Then N threads keep an instance each, and the process's memory is told.

use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use ciborium::Value;
use spm_host::Definer;
use spm_host::sandbox::{
    Definition, Ended, Keep, Kept, Kind, Ran, Sandbox, SandboxOptions, StopCause,
    THREAD_STACK_BYTES, TaskInput,
};
use spm_protocol::ContentId;

const TASKS: u32 = 2000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut component, mut cache, mut sandboxes, mut signals) = (None, None, 8, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--signals" => signals = true,
            "--cache" => cache = arguments.next().map(PathBuf::from),
            "--sandboxes" => {
                sandboxes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(8);
            }
            _ => component = Some(PathBuf::from(argument)),
        }
    }
    let Some(component) = component else {
        println!("no component is named; nothing is measured");
        return;
    };
    let component = std::fs::read(component).expect("the component can be read");
    let options =
        if signals { SandboxOptions::own_process() } else { SandboxOptions::in_process() };
    let definer = Definer::in_process(options, cache.as_deref(), 1).expect("there is an engine");
    let begun = Instant::now();
    let id = ContentId::of(&component);
    let definition =
        definer.define(id, &component, Kind::python(false), 0, &|| false).expect("it compiles");
    println!("defined in {:.2?}, signals: {signals}, memory {}", begun.elapsed(), memory());
    drop(component);
    let definition = Arc::new(definition);

    let measured = Arc::clone(&definition);
    in_thread(move || {
        for keep in [Keep::Nothing, Keep::Restored, Keep::AsItIs] {
            measure(&measured, keep);
        }
    })
    .join()
    .expect("no panic");

    let ready = Arc::new(Barrier::new(sandboxes + 1));
    let threads: Vec<_> = (0..sandboxes)
        .map(|_| {
            let (definition, ready) = (Arc::clone(&definition), Arc::clone(&ready));
            in_thread(move || {
                let mut kept = None;
                for index in 0..100 {
                    task(&definition, index, Keep::Restored, &mut kept);
                }
                ready.wait();
                ready.wait();
                assert!(kept.is_some(), "an instance is kept");
            })
        })
        .collect();
    ready.wait();
    println!("{sandboxes} sandboxes: memory {}", memory());
    ready.wait();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

fn in_thread(work: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<()> {
    std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(work).expect("a thread")
}

fn measure(definition: &Definition, keep: Keep) {
    let mut kept = None;
    let first = task(definition, 0, keep, &mut kept);
    for index in 0..50 {
        task(definition, index, keep, &mut kept);
    }
    let (mut best, mut restoring) = (Duration::MAX, Duration::ZERO);
    let (faults_before, begun) = (faults(), Instant::now());
    for index in 0..TASKS {
        let ran = task(definition, u64::from(index), keep, &mut kept);
        assert_eq!(ran.ended, Ended::Returned(vec![2]));
        best = best.min(ran.took);
        let ended = Instant::now();
        kept = kept.take().and_then(Kept::ready);
        restoring += ended.elapsed();
    }
    let (took, faults) = (begun.elapsed() / TASKS, (faults() - faults_before) / u64::from(TASKS));
    let restoring = restoring / TASKS;
    println!(
        "{keep:?}: first {:.2?}; then {took:.1?} each ({:.0}/s), of which {restoring:.1?} to restore; \
         best without that {best:.1?}; {faults} page faults; an instance keeps {} KiB",
        first.took,
        1.0 / took.as_secs_f64(),
        kept.map_or(0, |kept| kept.bytes()) / 1024,
    );
}

fn task(definition: &Definition, index: u64, keep: Keep, kept: &mut Option<Kept>) -> Ran {
    let input = TaskInput {
        payload: Some(&payload()),
        arguments: &[0x81, 1],
        index,
        attempt: 1,
        seed: 7,
        memory_bytes_max: 256 << 20,
        fuel: 0,
        deadline: None,
        sink: None,
        granted: None,
        channel: None,
    };
    Sandbox::run_in(definition, &input, &Arc::new(StopCause::new()), keep, kept)
}

/// The closure, as it travels.
fn payload() -> Vec<u8> {
    let text = |text: &str| Value::from(text);
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
    };
    let list = |items: Vec<Value>| Value::Array(items);
    let function = map(vec![
        ("module", text("__main__")),
        ("name", text("f")),
        ("qualname", text("f")),
        ("text", text("def f(x):\n    return x + 1\n")),
        ("file", text("bench.py")),
        ("line", Value::from(1)),
        ("column", Value::from(0)),
        ("free", list(vec![])),
        ("cells", list(vec![])),
        ("defaults", Value::Null),
        ("kwdefaults", Value::Null),
        ("dict", map(vec![])),
        ("future", list(vec![])),
        ("class", Value::Null),
    ]);
    let module =
        map(vec![("file", text("bench.py")), ("package", Value::Null), ("doc", Value::Null)]);
    let payload = map(vec![
        ("format", Value::from(1)),
        ("recursion_limit", Value::from(1000)),
        ("modules", map(vec![("__main__", module)])),
        ("sources", map(vec![])),
        ("resources", map(vec![])),
        (
            "steps",
            list(vec![
                list(vec![text("function"), Value::from(0), function]),
                list(vec![text("global"), text("__main__"), text("f"), Value::from(0)]),
            ]),
        ),
        ("entry", Value::from(0)),
        ("entry_name", text("f")),
        ("classes", list(vec![])),
        ("allow", list(vec![])),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&payload, &mut bytes).expect("writing to a Vec does not fail");
    bytes
}

/// Page faults of this process that needed no disk.
fn faults() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.into_iter().nth(7).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Memory of this process: all that is resident, and what of it is its own.
fn memory() -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        line.split_whitespace().next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    format!(
        "{} MiB (own {}, files {}, shared {})",
        mib("VmRSS:"),
        mib("RssAnon:"),
        mib("RssFile:"),
        mib("RssShmem:")
    )
}
