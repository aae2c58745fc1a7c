//! What a session does with each frame and event, and what it never does.

use spm_protocol::frame::{Returns, Role};
use spm_protocol::limits::{LEASE_MS, LEASE_RENEWAL_MS};
use spm_protocol::{Arguments, Incarnation};

use super::*;

const POINT: Point = Point(1);

fn info() -> HostInfo {
    HostInfo {
        incarnation: Incarnation(7),
        name: "test".to_owned(),
        slots: 2,
        memory_bytes: 1 << 30,
        engines: vec!["native".to_owned()],
        labels: Vec::new(),
        pid: 1,
    }
}

/// A session, and what it did last.
struct Driven {
    session: Session,
    now_ms: u64,
}

impl Driven {
    fn new() -> Self {
        Self { session: Session::new(info(), 0), now_ms: 0 }
    }

    fn does(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.session.handle(self.now_ms, event, &mut actions);
        actions
    }

    fn hears(&mut self, frame: HubControl) -> Vec<Action> {
        self.does(Event::Control(frame))
    }

    fn greeted() -> Self {
        let mut driven = Self::new();
        driven.hears(hello(PROTOCOL_VERSION));
        driven
    }

    /// With a lease, and `POINT` ready but not committed.
    fn ready() -> Self {
        let mut driven = Self::greeted();
        driven.hears(HubControl::Lease { request: 1, lease_ms: LEASE_MS });
        driven.hears(prepare(POINT));
        driven.does(Event::Prepared { point: POINT, fetch_us: 1, compile_us: 2 });
        driven
    }

    fn online() -> Self {
        let mut driven = Self::ready();
        driven.hears(commit(POINT));
        assert_eq!(driven.session.online(), Some(POINT));
        driven
    }
}

fn hello(version: u32) -> HubControl {
    HubControl::Hello { version, features: Vec::new() }
}

fn prepare(point: Point) -> HubControl {
    HubControl::Prepare {
        point,
        closures: Vec::new(),
        members: Vec::new(),
        providers: Vec::new(),
        deadline_ms: 1000,
        addresses: Vec::new(),
        meet: Vec::new(),
    }
}

fn commit(point: Point) -> HubControl {
    HubControl::Commit { point, members: Vec::new(), addresses: Vec::new() }
}

fn admit() -> Action {
    Action::Admit { members: Vec::new(), addresses: Vec::new() }
}

fn task(id: u64) -> Task {
    Task {
        id: TaskId(id),
        attempt: 1,
        closure: 0,
        index: id,
        seed: 0,
        deadline_ms: None,
        arguments: Arguments::inline(vec![0x80]),
        returns: Returns::Sent,
        role: Role::Independent,
    }
}

fn tasks(point: Point, ids: std::ops::Range<u64>) -> Event {
    Event::Work(HubWork::Tasks { point, tasks: ids.map(task).collect() })
}

fn online_frame(point: Point) -> Action {
    Action::SendControl(HostControl::Online { point, credits: 2 * TASKS_PER_SLOT_MAX })
}

fn concluded(point: Point) -> Action {
    Action::SendControl(HostControl::Concluded { point })
}

/// A session with one closure at `POINT`, so that tasks have something to name.
fn working() -> Driven {
    let mut driven = Driven::online();
    driven.session.phase = Phase::Online { point: POINT, closures: 1 };
    driven
}

fn outcomes(actions: &[Action]) -> Vec<(u64, Outcome)> {
    let results = actions.iter().filter_map(|action| match action {
        Action::SendWork(HostWork::Results { results, .. }) => Some(results),
        _ => None,
    });
    results.flatten().map(|result| (result.id.0, result.outcome.clone())).collect()
}

fn closes(actions: &[Action]) -> bool {
    matches!(actions.last(), Some(Action::Close { .. }))
}

#[test]
fn greeting_is_answered_and_asks_for_a_lease() {
    let actions = Driven::new().hears(hello(PROTOCOL_VERSION));
    assert_eq!(
        actions,
        [
            Action::SendControl(HostControl::Hello {
                version: PROTOCOL_VERSION,
                features: Vec::new(),
                info: info()
            }),
            Action::SendControl(HostControl::LeaseRequest { request: 1 }),
        ]
    );
}

#[test]
fn other_versions_are_refused_with_both_numbers() {
    let actions = Driven::new().hears(hello(PROTOCOL_VERSION + 1));
    let [Action::SendControl(HostControl::Bye { reason }), Action::Close { .. }] = &actions[..]
    else {
        panic!("{actions:?}");
    };
    let named = |version: u32| reason.contains(&format!("version {version}"));
    assert!(named(PROTOCOL_VERSION) && named(PROTOCOL_VERSION + 1), "{reason}");
}

#[test]
fn frames_before_the_greeting_close_the_session() {
    assert!(closes(&Driven::new().hears(prepare(POINT))));
}

#[test]
fn a_second_greeting_closes_the_session() {
    assert!(closes(&Driven::greeted().hears(hello(PROTOCOL_VERSION))));
}

#[test]
fn prepare_then_commit_goes_online_with_credits() {
    let mut driven = Driven::ready();
    assert_eq!(driven.session.online(), None);
    assert_eq!(driven.hears(commit(POINT)), [admit(), online_frame(POINT)]);
}

#[test]
fn members_that_join_later_are_let_in() {
    let mut driven = Driven::ready();
    assert_eq!(driven.hears(commit(Point(2))), [], "of another point");
    driven.hears(commit(POINT));
    assert_eq!(driven.hears(commit(POINT)), [admit()]);
    assert_eq!(driven.session.online(), Some(POINT));
}

#[test]
fn a_commit_waits_for_the_first_lease() {
    let mut driven = Driven::greeted();
    driven.hears(prepare(POINT));
    driven.does(Event::Prepared { point: POINT, fetch_us: 0, compile_us: 0 });
    assert_eq!(driven.hears(commit(POINT)), [admit()]);
    let lease = HubControl::Lease { request: 1, lease_ms: LEASE_MS };
    assert_eq!(driven.hears(lease), [online_frame(POINT)]);
}

#[test]
fn a_commit_of_what_is_not_ready_is_ignored() {
    let mut driven = Driven::greeted();
    driven.hears(prepare(POINT));
    assert_eq!(driven.hears(commit(POINT)), []);
    assert_eq!(driven.hears(commit(Point(9))), []);
    assert_eq!(driven.session.online(), None);
}

#[test]
fn a_failed_preparation_is_a_refusal_and_leaves_the_session_usable() {
    let mut driven = Driven::greeted();
    driven.hears(HubControl::Lease { request: 1, lease_ms: LEASE_MS });
    driven.hears(prepare(POINT));
    let refusals = vec![Refusal { closure: Some(0), reason: "no".to_owned() }];
    let refused = HostControl::Refused { point: POINT, refusals: refusals.clone() };
    let failed = Event::PrepareFailed { point: POINT, refusals };
    assert_eq!(driven.does(failed), [Action::SendControl(refused)]);
    assert_eq!(driven.hears(commit(POINT)), []);
    assert!(matches!(driven.hears(prepare(Point(2)))[..], [Action::Prepare { .. }]));
}

#[test]
fn preparing_too_long_is_a_refusal() {
    let mut driven = Driven::greeted();
    driven.hears(prepare(POINT));
    assert_eq!(driven.session.wake_ms(), Some(1000));
    driven.now_ms = 1000;
    let actions = driven.does(Event::Tick);
    assert!(
        matches!(
            &actions[..],
            [Action::SendControl(HostControl::Refused { .. }), Action::Drop { point: POINT }]
        ),
        "{actions:?}"
    );
    assert_eq!(driven.does(Event::Prepared { point: POINT, fetch_us: 0, compile_us: 0 }), []);
}

#[test]
fn a_newer_prepare_drops_an_uncommitted_point() {
    let mut driven = Driven::ready();
    let actions = driven.hears(prepare(Point(2)));
    assert!(matches!(
        actions[..],
        [Action::Drop { point: POINT }, Action::Prepare { point: Point(2), .. }]
    ));
    driven.does(Event::Prepared { point: Point(2), fetch_us: 0, compile_us: 0 });
    // Nothing of the old point may be left when the new one goes online.
    assert_eq!(driven.hears(commit(Point(2))), [admit()]);
    assert_eq!(driven.does(Event::Dropped { point: POINT }), [online_frame(Point(2))]);
}

#[test]
fn preparing_while_online_closes_the_session() {
    assert!(closes(&Driven::online().hears(prepare(Point(2)))));
}

#[test]
fn stale_prepares_are_ignored() {
    let mut driven = Driven::ready();
    assert_eq!(driven.hears(prepare(POINT)), []);
    assert_eq!(driven.hears(prepare(Point(0))), []);
}

#[test]
fn tasks_run_only_at_the_point_that_is_online() {
    let mut driven = working();
    assert_eq!(driven.does(tasks(Point(9), 0..3)), []);
    assert_eq!(
        driven.does(tasks(POINT, 0..3)),
        [Action::Run { point: POINT, tasks: (0..3).map(task).collect() }]
    );
}

#[test]
fn tasks_before_the_commit_are_refused() {
    let mut driven = Driven::ready();
    let outcomes = outcomes(&driven.does(tasks(POINT, 0..2)));
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Refused(_))));
}

#[test]
fn tasks_of_no_closure_are_refused_one_by_one() {
    let mut driven = working();
    let mut stray = task(5);
    stray.closure = 1;
    let work = HubWork::Tasks { point: POINT, tasks: vec![task(4), stray] };
    let actions = driven.does(Event::Work(work));
    assert!(matches!(outcomes(&actions)[..], [(5, Outcome::Refused(_))]));
    assert_eq!(actions.last(), Some(&Action::Run { point: POINT, tasks: vec![task(4)] }));
}

#[test]
fn credits_bound_the_tasks_held_and_results_give_them_back() {
    let credits = u64::from(2 * TASKS_PER_SLOT_MAX);
    let mut driven = working();
    driven.does(tasks(POINT, 0..credits));
    driven.does(Event::TasksEnded { point: POINT, count: 10 });
    assert!(matches!(driven.does(tasks(POINT, 0..10))[..], [Action::Run { .. }]));
    assert!(closes(&driven.does(tasks(POINT, 0..1))));
}

#[test]
fn a_cancel_is_passed_on_and_remembered_for_tasks_still_on_their_way() {
    let mut driven = working();
    let cancelled = vec![TaskId(1), TaskId(2)];
    assert_eq!(
        driven.hears(HubControl::Cancel { point: POINT, tasks: cancelled.clone() }),
        [Action::Cancel { point: POINT, tasks: cancelled }]
    );
    let actions = driven.does(tasks(POINT, 0..3));
    assert_eq!(outcomes(&actions), [(1, Outcome::Cancelled), (2, Outcome::Cancelled)]);
    assert_eq!(actions.last(), Some(&Action::Run { point: POINT, tasks: vec![task(0)] }));
}

#[test]
fn a_recall_is_passed_on_while_its_point_is_online() {
    let mut driven = working();
    driven.does(tasks(POINT, 0..3));
    let recall = |point| Event::Work(HubWork::Recall { point, tasks: vec![TaskId(2)] });
    assert_eq!(
        driven.does(recall(POINT)),
        [Action::Recall { point: POINT, tasks: vec![TaskId(2)] }]
    );
    assert_eq!(driven.does(recall(Point(9))), []);
    assert_eq!(Driven::ready().does(recall(POINT)), []);
}

#[test]
fn conclude_is_acknowledged_once_all_is_dropped() {
    let mut driven = working();
    assert_eq!(
        driven.hears(HubControl::Conclude { point: POINT }),
        [Action::Drop { point: POINT }]
    );
    assert_eq!(driven.session.online(), None);
    assert_eq!(driven.does(tasks(POINT, 0..3)), [], "work for a concluded point is stale");
    assert_eq!(driven.does(Event::Dropped { point: POINT }), [concluded(POINT)]);
}

#[test]
fn concluding_what_is_not_here_is_acknowledged_at_once() {
    let mut driven = Driven::greeted();
    assert_eq!(driven.hears(HubControl::Conclude { point: Point(3) }), [concluded(Point(3))]);
}

#[test]
fn a_hub_cannot_pile_up_points_that_are_being_dropped() {
    let mut driven = Driven::greeted();
    for number in 1..=DROPPING_MAX as u64 {
        let point = Point(number);
        assert!(!closes(&driven.hears(prepare(point))));
        assert!(!closes(&driven.hears(HubControl::Conclude { point })));
    }
    let next = Point(DROPPING_MAX as u64 + 1);
    driven.does(Event::Dropped { point: POINT });
    assert!(!closes(&driven.hears(prepare(next))));
    driven.hears(HubControl::Conclude { point: next });
    assert!(closes(&driven.hears(prepare(Point(next.0 + 1)))));
}

#[test]
fn concluding_twice_is_acknowledged_once_all_is_dropped() {
    let mut driven = Driven::online();
    driven.hears(HubControl::Conclude { point: POINT });
    assert_eq!(driven.hears(HubControl::Conclude { point: POINT }), []);
    assert_eq!(driven.does(Event::Dropped { point: POINT }), [concluded(POINT)]);
    assert_eq!(driven.hears(HubControl::Conclude { point: POINT }), [concluded(POINT)]);
}

#[test]
fn the_lease_runs_from_when_the_request_was_sent() {
    let mut driven = Driven::greeted();
    driven.now_ms = 2000;
    driven.hears(HubControl::Lease { request: 1, lease_ms: 5000 });
    assert_eq!(driven.session.lease_until_ms(), 5000);
}

#[test]
fn answers_to_what_was_not_asked_grant_nothing() {
    let mut driven = Driven::greeted();
    driven.hears(HubControl::Lease { request: 1, lease_ms: 5000 });
    driven.hears(HubControl::Lease { request: 1, lease_ms: LEASE_MS });
    driven.hears(HubControl::Lease { request: 77, lease_ms: LEASE_MS });
    assert_eq!(driven.session.lease_until_ms(), 5000);
}

#[test]
fn the_lease_is_asked_for_again_in_time() {
    let mut driven = Driven::ready();
    assert_eq!(driven.session.wake_ms(), Some(LEASE_RENEWAL_MS));
    driven.now_ms = LEASE_RENEWAL_MS;
    let request = Action::SendControl(HostControl::LeaseRequest { request: 2 });
    assert_eq!(driven.does(Event::Tick), [request]);
    driven.hears(HubControl::Lease { request: 2, lease_ms: LEASE_MS });
    assert_eq!(driven.session.lease_until_ms(), LEASE_RENEWAL_MS + LEASE_MS);
}

#[test]
fn any_event_after_the_lease_is_over_only_closes() {
    let mut driven = working();
    driven.now_ms = LEASE_MS;
    let actions = driven.does(tasks(POINT, 0..3));
    assert!(
        matches!(
            &actions[..],
            [Action::SendControl(HostControl::Bye { .. }), Action::Close { .. }]
        ),
        "{actions:?}"
    );
    assert_eq!(driven.session.wake_ms(), None);
    assert_eq!(driven.does(Event::Tick), []);
}

#[test]
fn a_hub_that_never_speaks_is_dropped() {
    let mut driven = Driven::new();
    assert_eq!(driven.session.wake_ms(), Some(LEASE_MS));
    driven.now_ms = LEASE_MS;
    assert!(closes(&driven.does(Event::Tick)));
}

#[test]
fn a_broken_stream_closes_at_once() {
    let actions = working().does(Event::Broken { reason: "reset".to_owned() });
    assert_eq!(actions, [Action::Close { reason: "reset".to_owned() }]);
}

#[test]
fn stopping_says_goodbye() {
    let actions = working().does(Event::Stopping { reason: "the host stops".to_owned() });
    let bye = HostControl::Bye { reason: "the host stops".to_owned() };
    assert_eq!(actions[0], Action::SendControl(bye));
    assert!(closes(&actions));
}

#[test]
fn nothing_runs_outside_a_committed_point_whatever_is_sent() {
    // Method: random events; a model of what was committed and concluded checks every `Run`.
    for seed in 1..2000_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut draw = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut driven = Driven::greeted();
        driven.hears(HubControl::Lease { request: 1, lease_ms: LEASE_MS });
        let mut dropped = BTreeSet::new();
        let mut closed = false;
        for _ in 0..200 {
            driven.now_ms += draw(300);
            let point = Point(draw(5));
            let event = match draw(9) {
                0 => Event::Control(prepare(point)),
                1 => Event::Control(commit(point)),
                2 => Event::Control(HubControl::Conclude { point }),
                3 => Event::Prepared { point, fetch_us: 0, compile_us: 0 },
                4 => Event::Dropped { point },
                5 => Event::Control(HubControl::Lease { request: draw(20), lease_ms: LEASE_MS }),
                6 => Event::TasksEnded { point, count: 1 },
                7 => Event::Tick,
                _ => tasks(point, 0..1),
            };
            let committed = matches!(event, Event::Control(HubControl::Commit { .. }));
            let before = driven.session.online();
            let actions = driven.does(event);
            assert!(!closed || actions.is_empty(), "seed {seed}: acts after closing");
            for action in &actions {
                match action {
                    Action::Run { point, .. } => {
                        assert_eq!(before, Some(*point), "seed {seed}");
                        assert!(!dropped.contains(point), "seed {seed}");
                        assert!(driven.now_ms < driven.session.lease_until_ms(), "seed {seed}");
                    }
                    Action::Drop { point } => {
                        dropped.insert(*point);
                    }
                    Action::Close { .. } => closed = true,
                    Action::SendControl(HostControl::Online { .. }) => {
                        assert!(committed || driven.session.online().is_some(), "seed {seed}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn answers_bounds_and_what_is_freed_are_for_the_point_that_is_online() {
    let answered = |point| {
        let (id, attempt, number, answer) = (TaskId(4), 1, 2, Answer::Nothing);
        Event::Work(HubWork::Answered { point, id, attempt, number, answer })
    };
    let bound = |point| Event::Work(HubWork::Bound { point, bound: 1.5f64.to_bits() });
    let free = |point| Event::Work(HubWork::Free { point, blobs: vec![ContentId::of(b"kept")] });
    let mut driven = Driven::ready();
    for event in [answered(POINT), bound(POINT), free(POINT)] {
        assert_eq!(driven.does(event), []);
    }
    driven.hears(commit(POINT));
    for event in [answered(Point(9)), bound(Point(9)), free(Point(9))] {
        assert_eq!(driven.does(event), []);
    }
    let answer = Action::Answer { id: TaskId(4), attempt: 1, number: 2, answer: Answer::Nothing };
    assert_eq!(driven.does(answered(POINT)), [answer]);
    assert_eq!(driven.does(bound(POINT)), [Action::Bound { bound: 1.5f64.to_bits() }]);
    assert_eq!(driven.does(free(POINT)), [Action::Free { blobs: vec![ContentId::of(b"kept")] }]);
}
