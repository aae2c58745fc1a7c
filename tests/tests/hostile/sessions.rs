//! Hubs that mean harm, hubs that vanish, and hosts that serve several.

use spm_protocol::frame::{Frame, HostControl, HostWork, HubControl, HubWork};
use spm_protocol::limits::TASKS_PER_SLOT_MAX;
use spm_protocol::{Outcome, Payload, Point, TaskId};

use super::hub::{Closure, Hub, host};
use super::importing::LOG;
use super::wat::{Guest, calling, echo};

const LOOP: &str = "(loop $forever (br $forever)) unreachable";

/// Prints, then loops: what it prints says that it runs.
fn printing_loop() -> Vec<u8> {
    let call = "(call $print (local.get $pointer) (local.get $length)) (loop $forever (br $forever)) unreachable";
    Guest { call, ..LOG }.component()
}

#[test]
fn all_slots_run_at_the_same_time() {
    let slots = 4;
    let host = host(slots);
    let mut hub = Hub::online(&host, &[Closure::new(printing_loop())]);
    let tasks: Vec<_> = (0..slots).map(|_| hub.task(0, b"here")).collect();
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    hub.send(tasks);
    // None of them ends by itself, so if all of them print, all of them run.
    while hub.printed.len() < slots as usize {
        assert!(matches!(hub.hear_work(), HostWork::Output { .. }));
    }
    assert_eq!(host.status().running, slots as usize);
    hub.say(&HubControl::Cancel { point: hub.point, tasks: ids });
    assert!(
        hub.collect(slots as usize).values().all(|result| result.outcome == Outcome::Cancelled)
    );
    host.stop();
}

#[test]
fn tasks_behind_another_sessions_task_can_be_had_back() {
    let host = host(1);
    let mut other = Hub::online(&host, &[Closure::new(printing_loop())]);
    let endless = other.task(0, b"here");
    other.send(vec![endless.clone()]);
    assert!(matches!(other.hear_work(), HostWork::Output { .. }));
    let mut hub = Hub::online(&host, &[Closure::new(echo())]);
    let tasks: Vec<_> = (0..3).map(|_| hub.task(0, b"x")).collect();
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    hub.send(tasks);
    let recall = HubWork::Recall { point: hub.point, tasks: ids[1..].to_vec() };
    hub.work.sender.blocking_send(recall.to_bytes()).expect("the host listens");
    let unstarted = ids[1..].iter().map(|&id| (id, 1)).collect();
    assert_eq!(hub.hear_work(), HostWork::Unstarted { point: hub.point, tasks: unstarted });
    other.say(&HubControl::Cancel { point: other.point, tasks: vec![endless.id] });
    assert_eq!(hub.collect(1).into_keys().collect::<Vec<_>>(), ids[..1]);
    // What has ended or was never there is not given back.
    hub.work.sender.blocking_send(recall.to_bytes()).expect("the host listens");
    assert_eq!(hub.hear_work(), HostWork::Unstarted { point: hub.point, tasks: vec![] });
    host.stop();
}

#[test]
fn thousands_of_tasks_come_back_once_each() {
    let host = host(2);
    let mut hub = Hub::online(&host, &[Closure::new(echo())]);
    let count = TASKS_PER_SLOT_MAX as usize;
    for _ in 0..10 {
        let tasks: Vec<_> = (0..count).map(|number| hub.task(0, &number.to_le_bytes())).collect();
        let expected: Vec<_> = (0..count).map(|it| (tasks[it].id, it.to_le_bytes())).collect();
        hub.send(tasks);
        let results = hub.collect(count);
        for (id, arguments) in expected {
            assert_eq!(
                results[&id].outcome,
                Outcome::Returned(Payload::Inline(arguments.to_vec()))
            );
        }
    }
    hub.conclude();
    host.stop();
}

#[test]
fn a_session_does_not_wait_behind_anothers_tasks() {
    let host = host(1);
    let mut busy = Hub::online(&host, &[Closure::new(calling(LOOP)).within_ms(20)]);
    let mut quick = Hub::online(&host, &[Closure::new(echo())]);
    let tasks: Vec<_> = (0..500).map(|_| busy.task(0, b"")).collect();
    busy.send(tasks);
    assert!(matches!(busy.results()[0].outcome, Outcome::DeadlineHit(_)));
    // Its turn comes after one task of the other at most; all of them would take ten seconds.
    assert!(matches!(quick.run(0, b"").outcome, Outcome::Returned(_)));
    assert!(host.status().queued > 400);
    busy.conclude();
    assert_eq!(host.status().queued, 0);
    host.stop();
}

#[test]
fn concluding_stops_what_runs_and_the_next_point_works() {
    let host = host(2);
    let mut hub = Hub::online(&host, &[Closure::new(calling(LOOP))]);
    let tasks: Vec<_> = (0..100).map(|_| hub.task(0, b"")).collect();
    hub.send(tasks);
    hub.conclude();
    let status = host.status();
    assert_eq!((status.running, status.queued), (0, 0));
    hub.prepare(&[Closure::new(echo())]).unwrap();
    hub.commit();
    assert!(matches!(hub.run(0, b"").outcome, Outcome::Returned(_)));
    host.stop();
}

#[test]
fn a_hub_that_vanishes_leaves_nothing_running() {
    let host = host(1);
    let mut gone = Hub::online(&host, &[Closure::new(printing_loop())]);
    let tasks: Vec<_> = (0..10).map(|_| gone.task(0, b"here")).collect();
    gone.send(tasks);
    gone.hear_work();
    drop(gone);
    // Its only slot is free again once that session is dropped.
    let mut next = Hub::online(&host, &[Closure::new(echo())]);
    assert!(matches!(next.run(0, b"").outcome, Outcome::Returned(_)));
    host.stop();
}

#[test]
fn stopping_a_busy_host_is_quick_and_says_goodbye() {
    let host = host(2);
    let mut hub = Hub::online(&host, &[Closure::new(printing_loop())]);
    let tasks: Vec<_> = (0..10).map(|_| hub.task(0, b"here")).collect();
    hub.send(tasks);
    hub.hear_work();
    host.stop();
    assert_eq!(hub.hear(), HostControl::Bye { reason: "the host stops".to_owned() });
    assert_eq!(hub.control.receiver.blocking_recv(), None);
    assert_eq!(host.status().sessions, 0);
}

#[test]
fn a_stopped_host_serves_nobody() {
    let host = host(1);
    host.stop();
    host.stop();
    let key = spm_netmesh::Keypair::generate_ed25519();
    let peer = key.public().to_peer_id();
    let (mut control, host_control) = spm_netmesh::Pipe::pair(4);
    let (_work, host_work) = spm_netmesh::Pipe::pair(4);
    host.serve(spm_host::ServedSession {
        submitter: spm_protocol::Certified {
            owner: peer,
            transport: peer,
            expires_unix_ms: u64::MAX,
        },
        session: spm_protocol::SessionId::from_bytes([1; 16]),
        control: host_control,
        work: host_work,
        blobs: spm_host::Blobs::Store(spm_netmesh::BlobStore::in_memory(1)),
    });
    let frame = control.receiver.blocking_recv().expect("a goodbye");
    assert!(matches!(HostControl::from_bytes(&frame), Ok(HostControl::Bye { .. })));
}

#[test]
fn frames_that_are_none_end_the_session_and_nothing_else() {
    let host = host(1);
    let mut other = Hub::online(&host, &[Closure::new(echo())]);
    for noise in [&b"\xff\xff\xff"[..], b"", b"\x82\x00\x9b\xff\xff\xff\xff\xff\xff\xff\xff"] {
        let mut noisy = Hub::online(&host, &[Closure::new(echo())]);
        noisy.work.sender.blocking_send(noise.to_vec()).unwrap();
        assert_eq!(noisy.work.receiver.blocking_recv(), None);
        let mut noisy = Hub::open(&host);
        noisy.control.sender.blocking_send(noise.to_vec()).unwrap();
        while noisy.control.receiver.blocking_recv().is_some() {}
    }
    assert!(matches!(other.run(0, b"").outcome, Outcome::Returned(_)));
    host.stop();
}

#[test]
fn more_tasks_than_credits_end_the_session() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(calling(LOOP))]);
    let tasks: Vec<_> = (0..=TASKS_PER_SLOT_MAX).map(|_| hub.task(0, b"")).collect();
    hub.send(tasks);
    assert!(matches!(hub.hear(), HostControl::Bye { reason } if reason.contains("credits")));
    host.stop();
}

#[test]
fn work_for_another_point_is_dropped() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(echo())]);
    let stale = hub.task(0, b"stale");
    let frame = HubWork::Tasks { point: Point(77), tasks: vec![stale] };
    hub.work.sender.blocking_send(frame.to_bytes()).unwrap();
    let result = hub.run(0, b"current");
    assert_eq!(result.outcome, Outcome::Returned(Payload::Inline(b"current".to_vec())));
    host.stop();
}

#[test]
fn sandboxes_with_and_without_signals_agree() {
    use std::sync::Arc;

    use spm_host::sandbox::{
        Ended, Sandbox, SandboxOptions, StopCause, THREAD_STACK_BYTES, TaskInput,
    };

    let calls = [
        "unreachable",
        "(drop (i32.load (i32.const -4))) unreachable",
        "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1))) unreachable",
        "(drop (i32.rem_u (i32.const 1) (i32.const 0))) unreachable",
        "(call $return (local.get $pointer) (local.get $length))",
    ];
    let ends = |options| {
        let run = move || {
            let sandbox = Sandbox::new(options).unwrap();
            let fields = "(func $deeper (call $deeper) (call $deeper))";
            let deep = Guest { fields, call: "(call $deeper) unreachable", ..Guest::default() }
                .component();
            let components = calls.map(calling).into_iter().chain([deep]);
            let ends = components.map(|component| {
                let definition = sandbox.compile(&component, false).unwrap();
                let input = TaskInput {
                    payload: None,
                    arguments: b"x",
                    index: 0,
                    attempt: 1,
                    seed: 0,
                    memory_bytes_max: 1 << 20,
                    fuel: 0,
                    deadline: None,
                    sink: None,
                    granted: None,
                    channel: None,
                };
                match Sandbox::run(&definition, &input, &Arc::new(StopCause::new())).ended {
                    Ended::Otherwise(Outcome::Trapped(code, _)) => Some(code),
                    Ended::Returned(value) if value == b"x" => None,
                    other => panic!("{other:?}"),
                }
            });
            ends.collect::<Vec<_>>()
        };
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(run).unwrap();
        thread.join().unwrap()
    };
    assert_eq!(ends(SandboxOptions::in_process()), ends(SandboxOptions::own_process()));
}
