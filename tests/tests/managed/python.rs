//! The interpreter's side. Without its component, which `make` builds, there is nothing to test.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ciborium::Value;
use spm_host::Definer;
use spm_host::sandbox::{
    Channel, Definition, Ended, Kind, Ran, SandboxOptions, THREAD_STACK_BYTES,
};
use spm_protocol::ContentId;
use spm_tests::channels::{Farm, Task, Template};

/// The compiled component, kept from one run of the tests to the next.
pub fn definition() -> Option<&'static Definition> {
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

/// A closure whose function is `f`.
pub fn payload(source: &str) -> Vec<u8> {
    let text = |text: &str| Value::from(text);
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
    };
    let module = Value::Array(vec![text("work.py"), Value::from(false), text(source)]);
    let steps = vec![
        Value::Array(vec![text("module"), Value::from(0), text("work")]),
        Value::Array(vec![text("attr"), Value::from(1), Value::from(0), text("f")]),
    ];
    encode(&map(vec![
        ("format", Value::from(1)),
        ("recursion_limit", Value::from(1000)),
        ("modules", map(vec![])),
        ("sources", map(vec![("work", module)])),
        ("resources", map(vec![])),
        ("steps", Value::Array(steps)),
        ("entry", Value::from(1)),
        ("entry_name", text("f")),
        ("classes", Value::Array(vec![])),
        ("allow", Value::Array(vec![])),
    ]))
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn returned(ran: Ran) -> Value {
    match ran.ended {
        Ended::Returned(value) => ciborium::from_reader(&value[..]).unwrap(),
        Ended::Raised(record) => panic!("raised: {}", String::from_utf8_lossy(&record)),
        other @ Ended::Otherwise(_) => panic!("{other:?}"),
    }
}

/// What `f()` returns.
fn value(source: &str, channel: Option<Arc<dyn Channel>>) -> Option<Value> {
    let definition = definition()?;
    let payload = payload(source);
    let run = move || {
        let arguments = encode(&Value::Array(vec![]));
        let task = Task { payload: Some(&payload), ..Task::new(&arguments) };
        returned(task.run(definition, channel))
    };
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    Some(thread.spawn(run).unwrap().join().unwrap())
}

fn text(value: &str) -> Value {
    Value::from(value)
}

#[test]
fn a_task_of_no_manager_has_nobody_to_talk_to() {
    let source = "
import spm
from spm import hub, task, team
def f():
    found = [team.rank, team.size, team.allreduce(5), str(task.bound), task.improve(1)]
    for act in (lambda: hub.ask(1), lambda: task.spawn(1), team.recv):
        try:
            act()
        except RuntimeError as error:
            found.append(str(error))
    team.send([1], 0)
    found.append(team.recv(source=spm.ANY_SOURCE, tag=spm.ANY_TAG))
    return found
";
    let Some(found) = value(source, None) else { return };
    let found = found.into_array().unwrap();
    assert_eq!(found[..3], [Value::from(0), Value::from(1), Value::from(5)]);
    assert_eq!(found[3..5], [text("inf"), Value::Null]);
    assert_eq!(found[5], text("only tasks of an spm.Farm may ask the hub"));
    assert_eq!(found[6], text("only tasks of an spm.Template may spawn tasks"));
    assert!(found[7].as_text().unwrap().starts_with("nothing can be received"));
    assert_eq!(found[8], Value::Array(vec![Value::from(1)]));
}

#[test]
fn tasks_of_a_farm_ask_the_hub() {
    let source = "
import spm
def f():
    return spm.hub.ask({'a': [1, 2.5]})
";
    // The hub wraps what it was asked in a list.
    let channel = Farm(|question| [vec![0x81], question].concat());
    let Some(found) = value(source, Some(Arc::new(channel))) else { return };
    let question =
        Value::Map(vec![(text("a"), Value::Array(vec![Value::from(1), Value::Float(2.5)]))]);
    assert_eq!(found, Value::Array(vec![question]));
}

#[test]
fn tasks_of_a_template_spawn_and_share_a_bound() {
    let source = "
import spm
def f():
    spm.task.spawn(1, 'x')
    spm.task.spawn([2.5], priority=3)
    spm.task.improve(4)
    spm.task.improve(5)
    try:
        spm.task.spawn(print)
    except TypeError as error:
        return [spm.task.bound, str(error)]
";
    let channel = Arc::new(Template::default());
    let Some(found) = value(source, Some(channel.clone())) else { return };
    let refused = "the arguments to spawn[0]: a function cannot cross the sandbox";
    assert_eq!(found, Value::Array(vec![Value::Float(4.0), text(refused)]));
    let first = encode(&Value::Array(vec![Value::from(1), text("x")]));
    // Floats have eight bytes, always.
    let second = [&[0x81, 0x81, 0xfb][..], &2.5f64.to_be_bytes()].concat();
    assert_eq!(*channel.spawned.lock(), [(first, 0.0), (second, 3.0)]);
}

#[test]
fn ranks_of_a_team_talk() {
    let Some(definition) = definition() else { return };
    let payload = payload(
        "
from spm import team
def f():
    rank, size = team.rank, team.size
    right, left = (rank + 1) % size, (rank - 1) % size
    early = team.irecv(source=left, tag=9)
    team.send({'from': rank}, right, tag=9)
    return [
        team.bcast([rank], root=1),
        team.gather(rank * 1.5, root=size - 1),
        team.scatter(list(range(size)) if rank == 0 else None),
        team.allgather(str(rank)),
        team.allreduce([rank]),
        team.allreduce(rank, op=team.MAX),
        team.reduce(rank + 1, team.PROD),
        team.scan(rank),
        team.barrier(),
        early.wait(),
    ]
",
    );
    let arguments = encode(&Value::Array(vec![]));
    let task = Task { payload: Some(&payload), ..Task::new(&arguments) };
    let array = |items: &[i64]| Value::Array(items.iter().map(|&item| item.into()).collect());
    for (rank, ran) in (0i64..).zip(task.run_team(definition, 3)) {
        let floats = [0.0, 1.5, 3.0].map(Value::Float).to_vec();
        let expected = vec![
            array(&[1]),
            if rank == 2 { Value::Array(floats) } else { Value::Null },
            rank.into(),
            Value::Array(["0", "1", "2"].map(text).to_vec()),
            array(&[0, 1, 2]),
            2.into(),
            if rank == 0 { 6.into() } else { Value::Null },
            [0, 1, 3][usize::try_from(rank).unwrap()].into(),
            Value::Null,
            Value::Map(vec![(text("from"), ((rank + 2) % 3).into())]),
        ];
        assert_eq!(returned(ran), Value::Array(expected));
    }
}
