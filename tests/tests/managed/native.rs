//! Compiled Python that talks to its manager does what the interpreter does, message for message.

use std::sync::Arc;

use spm_compiler::{
    Captured, FunctionSource, ParameterType, Request, annotations, compile, render,
};
use spm_host::sandbox::{Channel, Definition, Ended, Sandbox, SandboxOptions};
use spm_protocol::TrapCode;
use spm_protocol::raised::{BUILTIN_EXCEPTIONS, Raised};
use spm_tests::channels::{Farm, Task, Team, Template};

use super::python;

/// The component, or what is wrong with the function.
fn component(source: &str) -> Result<Vec<u8>, String> {
    let function = FunctionSource {
        name: "f".to_owned(),
        qualname: "f".to_owned(),
        file: "f.py".to_owned(),
        source: source.to_owned(),
        first_line: 1,
        ..FunctionSource::default()
    };
    let mut request = Request { recursion_limit: 1000, ..Request::default() };
    for (name, value_type) in annotations(&function).expect("it is a function") {
        let value_type = value_type.expect("its parameters are annotated");
        request.parameters.push(ParameterType { name, value_type });
    }
    let member = |name: &str| (name.to_owned(), Captured::ModuleMember(format!("spm.{name}")));
    let spm = ("spm".to_owned(), Captured::Module("spm".to_owned()));
    request.globals.push([spm, member("task"), member("hub"), member("team")].into());
    request.functions.push(function);
    compile(&request).map(|compiled| compiled.component).map_err(|found| render(&found))
}

fn native(source: &str) -> Definition {
    let component = component(source).unwrap_or_else(|problems| panic!("{problems}"));
    Sandbox::new(SandboxOptions::in_process()).unwrap().compile(&component, false).unwrap()
}

/// What is said of a function that cannot be compiled.
fn refused(source: &str) -> String {
    component(source).expect_err("it is refused")
}

/// What came of a task: its value, or its exception.
fn outcome(ended: Ended) -> Result<Vec<u8>, String> {
    match ended {
        Ended::Returned(value) => Ok(value),
        Ended::Raised(record) => {
            let raised = Raised::from_bytes(&record).unwrap();
            if let Some(trap) = raised.trap {
                return Err(format!("left: {:?}", TrapCode::from_u8(trap as u8)));
            }
            // One str, in an array.
            let text = String::from_utf8_lossy(&raised.args).into_owned();
            let text = text.trim_start_matches(|first: char| !"`on".contains(first)).to_owned();
            Err(format!("{}: {text}", BUILTIN_EXCEPTIONS[raised.class as usize]))
        }
        other @ Ended::Otherwise(_) => panic!("{other:?}"),
    }
}

/// Runs a function without parameters in both engines, which agree.
fn both(source: &str, channel: impl Fn() -> Option<Arc<dyn Channel>>) -> Result<Vec<u8>, String> {
    let found = outcome(Task::new(&[0x80]).run(&native(source), channel()).ended);
    if let Some(definition) = python::definition() {
        let payload =
            python::payload(&format!("import spm\nfrom spm import hub, task, team\n{source}"));
        let channel = channel();
        let run = move || {
            let task = Task { payload: Some(&payload), ..Task::new(&[0x80]) };
            outcome(task.run(definition, channel).ended)
        };
        let thread = std::thread::Builder::new().stack_size(spm_host::sandbox::THREAD_STACK_BYTES);
        assert_eq!(found, thread.spawn(run).unwrap().join().unwrap(), "{source}");
    }
    found
}

/// Runs a team in both engines, which agree.
fn team(source: &str, size: u32) -> Vec<Result<Vec<u8>, String>> {
    let outcomes = |definition: &Definition, payload: Option<&[u8]>| {
        let task = Task { payload, ..Task::new(&[0x80]) };
        let ran = task.run_team(definition, size);
        ran.into_iter().map(|ran| outcome(ran.ended)).collect::<Vec<_>>()
    };
    let found = outcomes(&native(source), None);
    if let Some(definition) = python::definition() {
        let payload =
            python::payload(&format!("import spm\nfrom spm import hub, task, team\n{source}"));
        assert_eq!(found, outcomes(definition, Some(&payload)), "{source}");
    }
    found
}

fn farm() -> Arc<dyn Channel> {
    // The hub wraps what it was asked in a list.
    Arc::new(Farm(|question| [vec![0x81], question].concat()))
}

#[test]
fn tasks_of_a_farm_ask_the_hub() {
    let source = "def f():
    hub.ask('ignored')
    once: list[int] = hub.ask(7)
    twice: list[list[int]] = spm.hub.ask(once)
    table: list[dict[str, float]] = spm.hub.ask({'a': 1.5})
    return once, twice, table
";
    let (tuple, list) =
        ([0xd9, 0xb1, 0x00, 0x83], [0x81, 7, 0x81, 0x81, 7, 0x81, 0xa1, 0x61, b'a', 0xfb]);
    let expected = [&tuple[..], &list, &1.5f64.to_be_bytes()].concat();
    assert_eq!(both(source, || Some(farm())), Ok(expected));
}

#[test]
fn an_answer_of_another_type_leaves_native_code() {
    let source = "def f():
    answer: str = spm.hub.ask(1)
    return answer
";
    let found = outcome(Task::new(&[0x80]).run(&native(source), Some(farm())).ended);
    assert_eq!(found, Err("left: Some(TypeNotProved)".to_owned()));
}

#[test]
fn tasks_of_no_manager_have_nobody_to_talk_to() {
    let ask = "def f():\n    spm.hub.ask(1)\n";
    let text = "RuntimeError: only tasks of an spm.Farm may ask the hub";
    assert_eq!(both(ask, || None), Err(text.to_owned()));
    let spawn = "def f():\n    spm.task.spawn()\n";
    let text = "RuntimeError: only tasks of an spm.Template may spawn tasks";
    assert_eq!(both(spawn, || None), Err(text.to_owned()));
    let receive = "def f():\n    x: int = team.recv()\n    return x\n";
    let found = both(receive, || None).unwrap_err();
    assert!(found.starts_with("RuntimeError: nothing can be received: this task"), "{found}");
    let source = "def f():
    task.improve(3)
    team.send([1, 2], 0)
    team.send([3], 0, tag=5)
    last: list[int] = team.recv(tag=5)
    first: list[int] = team.recv(team.ANY_SOURCE, spm.ANY_TAG)
    return task.bound, team.rank, team.size, first, last, team.allreduce(2.5), team.gather(1)
";
    assert!(both(source, || None).is_ok());
}

#[test]
fn tasks_of_a_template_spawn_tasks_of_their_own_types() {
    let source = "def f(depth: int, name: str, cost: float | None):
    if cost is not None and cost < task.bound:
        task.improve(cost)
    spm.task.spawn(depth + 1, name + 'x', None, priority=-1)
    task.spawn(depth, name, 2.5)
    return task.bound
";
    let channel = Arc::new(Template::default());
    let arguments = [&[0x83, 3, 0x61, b'r', 0xfb][..], &7f64.to_be_bytes()].concat();
    let ran = Task::new(&arguments).run(&native(source), Some(channel.clone()));
    assert_eq!(outcome(ran.ended), Ok([&[0xfb][..], &7f64.to_be_bytes()].concat()));
    let first = vec![0x83, 4, 0x62, b'r', b'x', 0xf6];
    let second = [&[0x83, 3, 0x61, b'r', 0xfb][..], &2.5f64.to_be_bytes()].concat();
    assert_eq!(*channel.spawned.lock(), [(first, -1.0), (second, 0.0)]);
}

#[test]
fn collectives_are_those_of_the_interpreter() {
    let source = "def f():
    rank, size = team.rank, team.size
    data = [x * 1.5 for x in range(size)] if rank == 1 else None
    root = size - 1
    own: list[int] = team.bcast([rank, size] if rank == root else None, root=root)
    part: float = team.scatter(data, 1)
    team.barrier()
    gathered = team.gather((rank, str(rank)), root)
    total = team.reduce(rank * 0.1, root=root)
    return (
        own, part, gathered, total,
        team.bcast('from 0' if rank == 0 else ''),
        team.allgather(rank * 1.5),
        team.allgather([rank]),
        team.allreduce(rank + 1),
        team.allreduce(rank + 1, op=team.PROD),
        team.allreduce(0.1 * rank, spm.team.MAX),
        team.allreduce(rank - 10, team.MIN),
        team.allreduce(rank, team.BOR),
        team.allreduce(rank > 0, team.LAND),
        team.allreduce(rank > 0, team.LOR),
        team.allreduce(str(rank)),
        team.allreduce(str(rank), team.MIN),
        team.allreduce([rank * 0.5]),
        team.allreduce([rank]),
    )
";
    for size in [2, 3, 4, 7] {
        let found = team(source, size);
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
}

#[test]
fn messages_are_those_of_the_interpreter() {
    let source = "def f():
    rank, size = team.rank, team.size
    if rank == 0:
        # Messages of the barrier are there before those that are waited for here.
        seen = 0
        for _ in range(size - 1):
            x: int = team.recv()
            seen += x
        team.barrier()
        team.recv(source=1, tag=9)
        for other in range(1, size):
            team.send({'sum': seen}, other, tag=2)
        return {'sum': seen}
    if rank > 1:
        team.send(rank, 0)
    else:
        team.send(rank, 0, 3)
    team.barrier()
    if rank == 1:
        team.send('ignored', 0, 9)
    answer: dict[str, int] = team.recv(0, 2)
    return answer
";
    for size in [2, 3, 5] {
        for found in team(source, size) {
            let sum = u8::try_from(size * (size - 1) / 2).unwrap();
            assert_eq!(found, Ok(vec![0xa1, 0x63, b's', b'u', b'm', sum]));
        }
    }
}

#[test]
fn ranks_out_of_range_are_refused_in_the_same_words() {
    for (call, text) in [
        ("team.send(1, 2)", "`dest` is 2, and this team has ranks from 0 to 1"),
        ("team.send(1, 0, -1)", "`tag` is -1, and tags are from 0 to 1073741823"),
        ("team.recv(-2)", "`source` is -2, and this team has ranks from 0 to 1"),
        ("team.bcast(1, root=9)", "`root` is 9, and this team has ranks from 0 to 1"),
        (
            "team.scatter([1], root=team.rank)",
            "`scatter` takes a sequence of one item for each of 2 ranks, not 1",
        ),
        (
            "team.scatter([1] if team.rank > 9 else None, team.rank)",
            "`scatter` takes a sequence of one item for each of 2 ranks, not None",
        ),
    ] {
        let channel = || Some(Arc::new(Team::new(2)).rank(1));
        let found = both(&format!("def f():\n    {call}\n"), channel);
        assert_eq!(found, Err(format!("ValueError: {text}")));
    }
}

#[test]
fn an_overflow_in_a_reduction_leaves_native_code() {
    let source = "def f():\n    return team.allreduce(2**62 + team.rank)\n";
    let ran = Task::new(&[0x80]).run(&native(source), None);
    assert!(outcome(ran.ended).is_ok());
    let team = Arc::new(Team::new(2));
    let content = [&[0x1b][..], &(1u64 << 62).to_be_bytes()].concat();
    // Rank 1 has sent its value.
    team.put(0, spm_host::sandbox::Message { source: 1, tag: (1 << 30) + 3, content });
    let found = outcome(Task::new(&[0x80]).run(&native(source), Some(team.rank(0))).ended);
    assert_eq!(found, Err("left: Some(IntegerOverflow)".to_owned()));
}

#[test]
fn what_has_no_type_is_refused_with_help() {
    for (body, text) in [
        ("return spm.hub.ask(1)", "the type of the answer of `spm.hub.ask` is not known"),
        (
            "x = team.recv()\n    return x",
            "the type of the message of `spm.team.recv` is not known",
        ),
        ("team.allreduce(True)", "`spm.team.allreduce` of `bool` by `SUM` is not supported"),
        ("team.allreduce(1, lambda a, b: a)", "of `int` by a function is not supported"),
        ("team.irecv()", "`spm.team.irecv` is not supported in the native engine"),
        ("team.scatter(1)", "`spm.team.scatter` of `int` is not supported"),
        ("team.recv(0, 1, 2)", "`spm.team.recv` takes `source`, `tag`"),
        ("team.send(1)", "`spm.team.send` needs the argument `dest`"),
        ("x = team.SUM", "`spm.team.SUM` is not supported as a value"),
        ("task.spawn('text')", "was compiled for another type of `n`"),
        ("task.spawn(1, 2)", "`f` takes 1 arguments, and is spawned with others"),
        ("task.spawn()", "`f` is spawned without its argument `n`"),
        ("task.spawn(1, depth=2)", "`spm.task.spawn` takes no keyword `depth`"),
        ("task.improve('x')", "must be real number, not str"),
        ("x = task.nothing", "`spm.task.nothing` is not supported as a value"),
    ] {
        let found = refused(&format!("def f(n: int):\n    {body}\n"));
        assert!(found.contains(text), "{body}: {found}");
    }
    let found = refused("def f(n: int):\n    return spm.hub.ask(n)\n");
    assert!(found.contains("assign it with an annotation: `answer: int = spm.hub.ask(...)`"));
}

#[test]
fn loops_of_closures_that_talk_run_without_replacing_nans() {
    for body in [
        "return team.rank",
        "team.send(1.5, 0)",
        "x: float = team.recv()\n    return x",
        "return team.allreduce(1)",
        "return team.allreduce(1.5)",
        "return team.reduce(1.5, team.PROD)",
        "return task.bound",
        "task.improve(2.5 * task.bound)",
        "task.spawn(1, priority=task.bound * 2)",
    ] {
        let component = component(&format!("def f(n: int):\n    {body}\n")).unwrap();
        assert!(spm_host::sandbox::hides_nans(&component), "{body}");
    }
}
