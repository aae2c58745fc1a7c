//! The component of the `python` engine in a sandbox: whatever tasks do to the interpreter they run in, the next one does
//! not see it. Without the component, which `make` builds, there is nothing to test.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ciborium::Value;
use spm_host::Definer;
use spm_host::sandbox::{
    Definition, Ended, Granted, Keep, Kept, Kind, Ran, Sandbox, SandboxOptions, StopCause,
    THREAD_STACK_BYTES, TaskInput,
};
use spm_protocol::{ContentId, Outcome};

/// The compiled component, kept from one run of the tests to the next.
fn definition() -> Option<&'static Definition> {
    static DEFINITION: OnceLock<Option<Arc<Definition>>> = OnceLock::new();
    let made = DEFINITION.get_or_init(|| {
        let engines =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../python-bridge/python/spm/engines");
        let component = std::fs::read(engines.join("python.wasm")).ok()?;
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-engine");
        let definer = Definer::in_process(SandboxOptions::own_process(), Some(&cache), 1).unwrap();
        let id = ContentId::of(&component);
        Some(definer.define(id, &component, Kind::python(false), 0, &|| false).unwrap())
    });
    made.as_deref()
}

/// A closure whose function is `f`, beside what else its source has.
fn payload(source: &str) -> Vec<u8> {
    let text = |text: &str| Value::from(text);
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
    };
    let modules = map(vec![]);
    let sources =
        map(vec![("work", Value::Array(vec![text("work.py"), Value::from(false), text(source)]))]);
    let steps = vec![
        Value::Array(vec![text("module"), Value::from(0), text("work")]),
        Value::Array(vec![text("attr"), Value::from(1), Value::from(0), text("f")]),
    ];
    let payload = map(vec![
        ("format", Value::from(1)),
        ("recursion_limit", Value::from(1000)),
        ("modules", modules),
        ("sources", sources),
        ("resources", map(vec![])),
        ("steps", Value::Array(steps)),
        ("entry", Value::from(1)),
        ("entry_name", text("f")),
        ("classes", Value::Array(vec![])),
        ("allow", Value::Array(vec![])),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&payload, &mut bytes).unwrap();
    bytes
}

struct Tasks {
    definition: &'static Definition,
    payload: Vec<u8>,
    keep: Keep,
    kept: Option<Kept>,
    granted: Option<Arc<Granted>>,
}

impl Tasks {
    fn new(definition: &'static Definition, source: &str, keep: Keep) -> Self {
        Self { definition, payload: payload(source), keep, kept: None, granted: None }
    }

    fn run(&mut self, argument: i64) -> Ran {
        let mut arguments = Vec::new();
        let row = Value::Array(vec![Value::from(argument)]);
        ciborium::into_writer(&row, &mut arguments).unwrap();
        let input = TaskInput {
            payload: Some(&self.payload),
            arguments: &arguments,
            index: argument as u64,
            attempt: 1,
            seed: 7,
            memory_bytes_max: 128 << 20,
            fuel: 0,
            deadline: Some(Duration::from_secs(20)),
            sink: None,
            granted: self.granted.clone(),
            channel: None,
        };
        Sandbox::run_in(
            self.definition,
            &input,
            &Arc::new(StopCause::new()),
            self.keep,
            &mut self.kept,
        )
    }

    fn value(&mut self, argument: i64) -> Value {
        match self.run(argument).ended {
            Ended::Returned(value) => ciborium::from_reader(&value[..]).unwrap(),
            Ended::Raised(record) => panic!("raised: {}", String::from_utf8_lossy(&record)),
            other @ Ended::Otherwise(_) => panic!("{other:?}"),
        }
    }
}

/// Runs a test in a thread with the stack that tasks need, if there is a component.
fn with_engine(test: impl FnOnce(&'static Definition) + Send + 'static) {
    let Some(definition) = definition() else { return };
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    thread.spawn(move || test(definition)).unwrap().join().unwrap();
}

const TRACES: &str = "
import sys, random, json, decimal, os, logging, re
calls = []
def f(what):
    calls.append(what)
    if what == 1:
        sys.modules['json'] = None
        json.loads = None
        decimal.getcontext().prec = 3
        os.environ['TRACE'] = '1'
        logging.getLogger('trace').setLevel(10)
        builtins = sys.modules['builtins']
        builtins.trace = calls
        sys.setrecursionlimit(5000)
    elif what == 2:
        calls.extend([b'x' * 100 for _ in range(10000)])
    elif what == 3:
        big = [bytearray(1 << 20) for _ in range(30)]
    elif what == 4:
        raise ValueError(what)
    elif what == 5:
        print('out')
    elif what == 6:
        re.compile('trace|' * 20)
        class Trace: pass
        calls.append(Trace)
    state = [len(calls), 'json' in sys.modules and sys.modules['json'] is not None, json.loads is not None]
    state += [decimal.getcontext().prec, os.environ.get('TRACE'), logging.getLogger('trace').level]
    state += [hasattr(sys.modules['builtins'], 'trace'), sys.getrecursionlimit(), random.random(), id(object())]
    state += [sorted({'a', 'b', 'c'}, key=hash), id(calls)]
    return state
";

#[test]
fn the_next_task_sees_nothing_of_what_others_did_to_the_interpreter() {
    with_engine(|definition| {
        let mut restored = Tasks::new(definition, TRACES, Keep::Restored);
        let mut fresh = Tasks::new(definition, TRACES, Keep::Nothing);
        let mut reused = 0;
        for what in [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 1, 2, 4, 5, 6, 0] {
            let (expected, had) = (fresh.run(what), restored.kept.is_some());
            let ran = restored.run(what);
            assert_eq!((&ran.ended, &ran.output), (&expected.ended, &expected.output), "{what}");
            assert!(ran.is_pure);
            reused += usize::from(had);
            restored.kept = restored.kept.take().and_then(Kept::ready);
        }
        if cfg!(target_os = "linux") {
            assert!(reused >= 12, "only {reused} tasks found an instance");
        }
    });
}

#[test]
fn a_session_keeps_what_tasks_leave() {
    with_engine(|definition| {
        let source = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\n";
        let mut tasks = Tasks::new(definition, source, Keep::AsItIs);
        for count in 1..50 {
            assert_eq!(tasks.value(count), Value::from(count));
        }
        assert!(!tasks.run(0).is_pure);
    });
}

#[test]
fn deep_recursion_is_an_exception() {
    with_engine(|definition| {
        for (what, source) in [
            ("functions", "def f(x):\n    return f(x)\n"),
            (
                "methods",
                "class C:\n    def __add__(self, other):\n        return self + other\ndef f(x):\n    return C() + 1\n",
            ),
            ("keys", "def f(x):\n    return sorted([3, 2, 1], key=f)\n"),
            (
                "attributes",
                "class C:\n    def __getattr__(self, name):\n        return getattr(self, name + 'x')\ndef f(x):\n    return C().y\n",
            ),
            (
                "nested lists",
                "def f(x):\n    x = []\n    for _ in range(100000):\n        x = [x]\n    return repr(x)\n",
            ),
            ("nested JSON", "import json\ndef f(x):\n    return json.loads('[' * 100000)\n"),
            ("source", "def f(x):\n    return eval('(' * 3000 + ')' * 3000)\n"),
            (
                "comparison",
                "def f(x):\n    a, b = [], []\n    for _ in range(100000):\n        a, b = [a], [b]\n    return a == b\n",
            ),
            (
                "patterns",
                "import re\ndef f(x):\n    return re.compile('(' * 5000 + ')' * 5000) is None\n",
            ),
        ] {
            let mut tasks = Tasks::new(definition, source, Keep::Restored);
            match tasks.run(0).ended {
                Ended::Raised(_) => {}
                Ended::Otherwise(Outcome::Trapped(code, frames)) => {
                    panic!("{what}: {code} at {:?}", &frames[..frames.len().min(8)])
                }
                other => panic!("{what}: {other:?}"),
            }
            assert!(tasks.run(0).took < Duration::from_secs(10), "{what}");
        }
    });
}

#[test]
fn too_much_memory_is_an_exception_or_an_outcome() {
    with_engine(|definition| {
        let source = "def f(x):\n    return len(bytearray(1 << 30))\n";
        let mut tasks = Tasks::new(definition, source, Keep::Restored);
        let ended = tasks.run(0).ended;
        assert!(
            matches!(ended, Ended::Raised(_) | Ended::Otherwise(Outcome::OutOfMemory(_))),
            "{ended:?}"
        );
    });
}

#[test]
fn what_was_granted_reaches_python() {
    with_engine(|definition| {
        let source = "import os, time, uuid
def f(x):
    return [os.environ.get('NAME'), time.time() > 1_600_000_000, uuid.uuid4().hex]
";
        let mut tasks = Tasks::new(definition, source, Keep::Restored);
        let without = tasks.value(0);
        assert_eq!(tasks.value(0), without);
        tasks.granted = Some(Arc::new(Granted { clock: true, random: true, ..Granted::default() }));
        let with = tasks.value(0);
        assert_eq!(with.as_array().unwrap()[1], Value::from(true), "{without:?}");
        assert_ne!(tasks.value(0), with);
        assert!(!tasks.run(0).is_pure);
    });
}
