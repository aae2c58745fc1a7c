//! The driver over in-process pipes, against scripted hosts.

mod fake;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use libp2p_identity::Keypair;
use spm_protocol::ContentId;
use spm_protocol::limits::INLINE_BYTES_MAX;
use spm_protocol::manifest::{Engine, Isolation, TaskLimits};

use self::fake::{FakeBlobs, FakeHost, Reach, Script};
use crate::{
    BeginDefineError, Blob, ClosureDefinition, Completion, CompletionQueue, Connect, DefineError,
    DefineOptions, Delivery, Hub, ListOptions, ListRun, Next, Pool, SequenceError, Session,
    SubmitError, TaskOutcome, TaskRequest, Wait,
};

/// Long enough for any machine; no test takes it when all is well.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

struct World {
    hosts: Vec<Arc<FakeHost>>,
    blobs: Arc<FakeBlobs>,
    pool: Pool,
}

fn world(scripts: &[Script]) -> World {
    let blobs = Arc::new(FakeBlobs::default());
    let hub = Hub::new(Keypair::generate_ed25519(), blobs.clone());
    let hosts: Vec<_> = scripts.iter().map(|script| FakeHost::new(*script, &blobs)).collect();
    let connects = hosts.iter().map(|host| Arc::new(Reach(host.clone())) as Arc<dyn Connect>);
    let pool = hub.pool(connects.collect()).unwrap();
    World { hosts, blobs, pool }
}

fn closure() -> ClosureDefinition {
    ClosureDefinition {
        name: "f".to_owned(),
        component: Blob::new(&b"component"[..]),
        engine: Engine::Native,
        payload: None,
        fallback: None,
        classes: Vec::new(),
        limits: TaskLimits { memory_bytes: 1 << 20, fuel: None, deadline_ms: None },
        capabilities: Vec::new(),
        isolation: Isolation::Task,
        source: ContentId::of(b"source"),
        compiler: "test".to_owned(),
    }
}

fn request(index: u64) -> TaskRequest {
    TaskRequest { index, arguments: index.to_be_bytes().to_vec(), ..TaskRequest::default() }
}

/// A session in which a point is online on all hosts.
fn online(world: &World, wait: Wait) -> Session {
    let session = world.pool.open_session();
    let options = DefineOptions { wait, ..DefineOptions::default() };
    session.define(vec![closure()], options).unwrap().wait(PATIENCE).unwrap().unwrap();
    // The point is in force once its members are told, which they have yet to confirm.
    let began = Instant::now();
    while session.online().unwrap().1.len() < world.hosts.len() {
        assert!(Some(began.elapsed()) < PATIENCE, "hosts do not come online");
        std::thread::yield_now();
    }
    session
}

fn completion(run: &ListRun) -> Completion {
    match run.next(PATIENCE) {
        Next::Completion(completion) => completion,
        other => panic!("no completion but {other:?}"),
    }
}

fn gather(run: &ListRun) -> Vec<Completion> {
    let mut completions = Vec::new();
    loop {
        match run.next(PATIENCE) {
            Next::Completion(completion) => completions.push(completion),
            Next::Output(_) | Next::Deopt(_) | Next::Ask(_) => {}
            Next::Finished => return completions,
            Next::TimedOut => panic!("run hangs after {} completions", completions.len()),
        }
    }
}

#[test]
fn tasks_come_back_in_order_once_each() {
    let world = world(&[Script::Echo, Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions::default()).unwrap();
    let mut requests: VecDeque<_> = (0..1000).map(request).collect();
    assert_eq!(run.submit_many(&mut requests).unwrap().len(), 1000);
    run.close_input();
    let completions = gather(&run);
    let values: Vec<_> = completions.into_iter().map(|completion| completion.outcome).collect();
    let expected: Vec<_> = (0..1000_u64)
        .map(|index| TaskOutcome::Returned(index.to_be_bytes().to_vec().into()))
        .collect();
    assert_eq!(values, expected);
    assert_eq!(run.stats().completed, 1000);
    assert!(session.conclude().unwrap().wait(PATIENCE));
    assert_eq!(session.online(), None);
    assert_eq!(run.next(PATIENCE), Next::Finished);
}

#[test]
fn completions_can_be_drained_by_a_dispatcher() {
    let world = world(&[Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let queue = Arc::new(CompletionQueue::new());
    let options =
        ListOptions { queue: Some((queue.clone(), 7)), window_tasks: 4, ..ListOptions::default() };
    let run = session.list(options).unwrap();
    let mut seen = 0;
    for round in 0..25 {
        for index in 0..4 {
            run.submit(request(round * 4 + index)).unwrap();
        }
        assert_eq!(run.submit(request(0)), Err(SubmitError::Full { window_tasks: 4 }));
        let mut deliveries = Vec::new();
        while deliveries.len() < 4 {
            queue.drain(16, PATIENCE, &mut deliveries);
        }
        assert!(deliveries.iter().all(|(tag, _)| *tag == 7));
        seen += deliveries.len();
    }
    assert_eq!(seen, 100);
    run.close_input();
    let mut last = Vec::new();
    queue.drain(16, PATIENCE, &mut last);
    assert_eq!(last, [(7, Delivery::Finished)]);
    queue.interrupt();
    queue.drain(16, PATIENCE, &mut last);
    assert_eq!(last.len(), 1);
}

#[test]
fn large_values_travel_as_blobs_and_are_let_go() {
    let world = world(&[Script::EchoBlob]);
    let session = online(&world, Wait::ForAll);
    let before = world.blobs.count();
    let run = session.list(ListOptions::default()).unwrap();
    let arguments = vec![7; INLINE_BYTES_MAX + 1];
    run.submit(TaskRequest { arguments: arguments.clone(), ..TaskRequest::default() }).unwrap();
    assert_eq!(completion(&run).outcome, TaskOutcome::Returned(arguments.into()));
    // The component, and the result, which is the host's; the arguments are gone.
    assert_eq!(world.blobs.count(), before + 1);
    session.close();
    assert_eq!(world.blobs.count(), 0);
}

#[test]
fn output_arrives_before_its_task_ends() {
    let world = world(&[Script::Print]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions::default()).unwrap();
    run.submit(request(9)).unwrap();
    let Next::Output(output) = run.next(PATIENCE) else { panic!("no output") };
    assert_eq!((output.index, &output.output[..]), (9, &b"hello "[..]));
    assert_eq!(completion(&run).index, 9);
}

#[test]
fn tasks_of_a_host_that_breaks_are_done_by_another() {
    let world = world(&[Script::Break, Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions::default()).unwrap();
    let mut requests: VecDeque<_> = (0..100).map(request).collect();
    run.submit_many(&mut requests).unwrap();
    run.close_input();
    let completions = gather(&run);
    assert_eq!(completions.len(), 100);
    for completion in completions {
        assert!(matches!(completion.outcome, TaskOutcome::Returned(_)), "{completion:?}");
    }
    assert!(run.stats().retries > 0);
}

#[test]
fn a_fault_that_repeats_is_reported_with_its_attempts() {
    let world = world(&[Script::Fault]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions { retries: 2, ..ListOptions::default() }).unwrap();
    run.submit(request(0)).unwrap();
    let completion = completion(&run);
    assert_eq!(completion.outcome, TaskOutcome::HostFault("out of order".to_owned()));
    assert_eq!(completion.attempts, 3);
    assert!(completion.host.is_some());
}

#[test]
fn a_fallback_is_defined_with_its_closure_and_runs_what_that_cannot() {
    let world = world(&[Script::Leave, Script::Leave]);
    let session = world.pool.open_session();
    let payload = Some(Blob::new(&b"payload"[..]));
    let fallback = ClosureDefinition { engine: Engine::Python, payload, ..closure() };
    let closures = vec![ClosureDefinition { fallback: Some(1), ..closure() }, fallback];
    let defining = session.define(closures, DefineOptions::default()).unwrap();
    defining.wait(PATIENCE).unwrap().unwrap();
    // One component and one payload, whoever shares them.
    assert_eq!(world.blobs.count(), 2);
    let run = session.list(ListOptions::default()).unwrap();
    run.submit_many(&mut (0..100).map(request).collect()).unwrap();
    run.close_input();
    let Next::Deopt(deopt) = run.next(PATIENCE) else { panic!("nobody tells of it") };
    assert_eq!(deopt.closure, 0);
    let completions = gather(&run);
    for (index, completion) in (0_u64..).zip(&completions) {
        let value = TaskOutcome::Returned(index.to_be_bytes().to_vec().into());
        assert_eq!((completion.closure, &completion.outcome), (1, &value));
    }
    let stats = run.stats();
    assert_eq!((stats.deopts, stats.retries, stats.completed), (100, 0, 100));
}

#[test]
fn fallbacks_that_make_no_sense_are_not_defined() {
    let world = world(&[Script::Echo]);
    let with = |fallbacks: &[Option<u32>]| {
        let closures =
            fallbacks.iter().map(|&fallback| ClosureDefinition { fallback, ..closure() });
        let session = world.pool.open_session();
        session.define(closures.collect(), DefineOptions::default()).map(|_| ())
    };
    for (fallbacks, fallback) in [
        (&[Some(1)][..], 1),
        (&[Some(0)], 0),
        (&[Some(1), Some(0)], 1),
        (&[None, Some(0), Some(1)], 1),
    ] {
        let name = "f".to_owned();
        assert_eq!(with(fallbacks), Err(BeginDefineError::Fallback { name, fallback }));
    }
    assert_eq!(with(&[Some(1), None]), Ok(()));
    assert_eq!(with(&[None, Some(0), Some(0)]), Ok(()));
}

#[test]
fn cancelled_tasks_end_at_once_and_their_hosts_are_told() {
    let world = world(&[Script::Hold]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions { ordered: false, ..ListOptions::default() }).unwrap();
    let task = run.submit(request(0)).unwrap();
    assert_eq!(run.next(Some(Duration::ZERO)), Next::TimedOut);
    world.hosts[0].wait_for_tasks();
    assert!(run.cancel(task));
    assert!(!run.cancel(task));
    assert_eq!(completion(&run).outcome, TaskOutcome::Cancelled);
    // The host gives the slot back: two more tasks fill it, and are cancelled with the run.
    run.submit(request(1)).unwrap();
    run.cancel_all();
    assert_eq!(gather(&run).len(), 1);
    assert!(session.conclude().unwrap().wait(PATIENCE));
    assert!(world.hosts[0].cancels.load(Ordering::Relaxed) >= 1);
    assert_eq!(run.submit(request(2)), Err(SubmitError::Closed));
}

#[test]
fn a_run_deadline_ends_what_hosts_hold() {
    let world = world(&[Script::Hold]);
    let session = online(&world, Wait::ForAll);
    let options = ListOptions { run_deadline_ms: Some(20), ..ListOptions::default() };
    let run = session.list(options).unwrap();
    run.submit(request(0)).unwrap();
    assert_eq!(completion(&run).outcome, TaskOutcome::RunDeadline);
    assert_eq!(run.next(PATIENCE), Next::Finished);
}

#[test]
fn refusals_name_every_host() {
    let world = world(&[Script::Refuse, Script::Refuse]);
    let session = world.pool.open_session();
    let defining = session.define(vec![closure()], DefineOptions::default()).unwrap();
    let error = defining.wait(PATIENCE).unwrap().unwrap_err();
    let DefineError::Refused { reasons } = &error else { panic!("{error:?}") };
    assert_eq!(reasons.len(), 2);
    assert!(error.to_string().contains("closure 0: not today"), "{error}");
    assert_eq!(world.blobs.count(), 0);
}

#[test]
fn hosts_that_cannot_be_reached_are_reported_not_waited_for() {
    let world = world(&[Script::Absent]);
    assert_eq!(world.pool.wait_ready(1, Duration::from_secs(30)), 0);
    let session = world.pool.open_session();
    let defining = session.define(vec![closure()], DefineOptions::default()).unwrap();
    let error = defining.wait(PATIENCE).unwrap().unwrap_err();
    let DefineError::NoHosts { reasons } = &error else { panic!("{error:?}") };
    assert_eq!(reasons[0].1, "nobody is there");
}

#[test]
fn a_host_that_comes_late_gets_tasks() {
    let world = world(&[Script::Hold]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions { ordered: false, ..ListOptions::default() }).unwrap();
    let mut requests: VecDeque<_> = (0..4).map(request).collect();
    run.submit_many(&mut requests).unwrap();
    let late = FakeHost::new(Script::Echo, &world.blobs);
    world.pool.add_host(Arc::new(Reach(late.clone())));
    // The first host keeps the two it has; the late one does the others.
    assert_eq!((completion(&run).index, completion(&run).index), (2, 3));
    assert_eq!(late.tasks.load(Ordering::Relaxed), 2);
    assert_eq!(world.pool.hosts().len(), 2);
}

#[test]
fn what_a_removed_host_had_is_done_by_another() {
    let world = world(&[Script::Hold, Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions::default()).unwrap();
    let mut requests: VecDeque<_> = (0..10).map(request).collect();
    run.submit_many(&mut requests).unwrap();
    run.close_input();
    world.pool.remove_host(Reach(world.hosts[0].clone()).peer(), true);
    assert_eq!(gather(&run).len(), 10);
    // Nobody waits for the leases of a process that is known to have ended.
    assert!(session.conclude().unwrap().wait(PATIENCE));
    let started = Instant::now();
    let defining = session.define(vec![closure()], DefineOptions::default()).unwrap();
    defining.wait(PATIENCE).unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn sessions_share_hosts_and_nothing_else() {
    let world = world(&[Script::Echo, Script::Echo]);
    let (one, two) = (online(&world, Wait::ForOne), online(&world, Wait::ForAll));
    assert_ne!(one.id(), two.id());
    let runs = [&one, &two].map(|session| session.list(ListOptions::default()).unwrap());
    for run in &runs {
        run.submit(request(5)).unwrap();
    }
    one.close();
    assert_eq!(completion(&runs[1]).index, 5);
    assert_eq!(runs[0].submit(request(6)), Err(SubmitError::Closed));
    two.list(ListOptions::default()).map(|_| ()).unwrap_err();
}

#[test]
fn wrong_moments_are_sequence_errors() {
    let world = world(&[Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let again = session.define(vec![closure()], DefineOptions::default());
    assert!(again.err().unwrap().to_string().contains("conclude its task manager first"));
    let run = session.list(ListOptions::default()).unwrap();
    let second = session.list(ListOptions::default()).err().unwrap();
    assert!(matches!(second, SequenceError::ManagerOnline { .. }));
    drop(run);
    assert!(session.conclude().unwrap().wait(PATIENCE));
    let offline = session.list(ListOptions::default()).err().unwrap();
    assert_eq!(offline, SequenceError::Offline);
    world.pool.close();
    assert_eq!(session.conclude().err(), Some(SequenceError::Closed));
    let closed = world.pool.open_session().define(vec![closure()], DefineOptions::default());
    assert_eq!(closed.err(), Some(SequenceError::Closed.into()));
}

#[test]
fn a_pool_selected_from_another_uses_only_its_hosts() {
    let world = world(&[Script::Echo, Script::Echo]);
    let peer = Reach(world.hosts[1].clone()).peer();
    let selected = world.pool.select(&[peer], None);
    assert_eq!(selected.hosts().len(), 1);
    let session = selected.open_session();
    let defining = session.define(vec![closure()], DefineOptions::default()).unwrap();
    defining.wait(PATIENCE).unwrap().unwrap();
    // A point is in force once its members are told; a host that has answered a task has heard it.
    let run = session.list(ListOptions::default()).unwrap();
    run.submit_many(&mut (0..20).map(request).collect()).unwrap();
    run.close_input();
    let hosts = gather(&run).into_iter().map(|completion| completion.host);
    assert!(hosts.eq([Some(peer); 20]));
    assert_eq!(session.online().unwrap().1, [peer]);
}

#[test]
fn a_host_that_recovers_is_used_again() {
    let world = world(&[Script::Break]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions { retries: 100, ..ListOptions::default() }).unwrap();
    run.submit(request(0)).unwrap();
    world.hosts[0].wait_for_tasks();
    world.hosts[0].set_script(Script::Echo);
    let completion = completion(&run);
    assert!(matches!(completion.outcome, TaskOutcome::Returned(_)));
    assert!(completion.attempts > 1);
    assert!(world.hosts[0].connects.load(Ordering::Relaxed) > 2);
}

#[test]
fn memory_is_bounded_by_the_window_not_by_the_number_of_tasks() {
    let world = world(&[Script::Echo, Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions { window_tasks: 512, ..ListOptions::default() }).unwrap();
    let (mut submitted, mut done) = (0, 0);
    let before = resident_bytes();
    while done < 300_000 {
        let room = run.room().min(300_000 - submitted);
        let mut requests: VecDeque<_> = (0..room as u64).map(request).collect();
        submitted += run.submit_many(&mut requests).map_or(0, |ids| ids.len());
        let taken = run.next_many(512, PATIENCE);
        assert!(!taken.is_empty(), "run hangs after {done} completions");
        done += taken.len();
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 5 << 20, "memory grew by {grown} bytes");
}

/// What this process has in memory; nothing on systems that do not say.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
