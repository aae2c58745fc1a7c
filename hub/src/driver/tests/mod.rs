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
    Blob, ClosureDefinition, Completion, CompletionQueue, Connect, DefineError, DefineOptions,
    Delivery, Hub, ListOptions, ListRun, Next, Pool, SequenceError, Session, SubmitError,
    TaskOutcome, TaskRequest, Wait,
};

/// Long enough for any machine; no test takes it when all is well.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

struct World {
    hosts: Vec<Arc<FakeHost>>,
    blobs: Arc<FakeBlobs>,
    hub: Hub,
    pool: Pool,
}

fn world(scripts: &[Script]) -> World {
    let blobs = Arc::new(FakeBlobs::default());
    let hub = Hub::new(Keypair::generate_ed25519(), blobs.clone());
    let hosts: Vec<_> = scripts.iter().map(|script| FakeHost::new(*script, &blobs)).collect();
    let connects = hosts.iter().map(|host| Arc::new(Reach(host.clone())) as Arc<dyn Connect>);
    let pool = hub.pool(connects.collect()).unwrap();
    World { hosts, blobs, hub, pool }
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

fn online(world: &World, wait: Wait) -> Session {
    let session = world.pool.open_session();
    let options = DefineOptions { wait, ..DefineOptions::default() };
    session.define(vec![closure()], options).unwrap().wait(PATIENCE).unwrap().unwrap();
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
            Next::Output(_) => {}
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
fn measure() {
    let world = world(&[Script::Echo, Script::Echo]);
    let session = online(&world, Wait::ForAll);
    let run = session.list(ListOptions::default()).unwrap();
    for _ in 0..3 {
        let started = Instant::now();
        for index in 0..20_000 {
            run.submit(request(index)).unwrap();
            completion(&run);
        }
        println!("round trip {:?}", started.elapsed() / 20_000);
    }
    let started = Instant::now();
    let (mut submitted, mut done) = (0, 0);
    while done < 1_000_000 {
        let room = run.room().min(1_000_000 - submitted);
        if room > 256 || submitted == 1_000_000 {
            let mut requests: VecDeque<_> =
                (0..room.min(1024)).map(|index| request(index as u64)).collect();
            submitted += run.submit_many(&mut requests).unwrap().len();
        }
        let got = run.next_many(1024, Some(Duration::from_secs(3))); if got.is_empty() { panic!("{submitted} {done} {:?}", run.stats()); } done += got.len();
    }
    println!("{:.0} tasks/s", 1e6 / started.elapsed().as_secs_f64());
}
