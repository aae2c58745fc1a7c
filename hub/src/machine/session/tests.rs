//! Sequence points: events in, actions out.

use spm_protocol::frame::PrepareStep;
use spm_protocol::limits::LEASE_MS;
use spm_protocol::{Incarnation, Point};

use super::*;
use crate::limits::{NO_HOSTS_GRACE_MS, RECONNECT_MIN_MS};
use crate::options::Wait;

const ONE: HostId = HostId(1);
const TWO: HostId = HostId(2);
const POINT: Point = Point(1);

fn peer(number: u8) -> PeerId {
    let key = libp2p_identity::Keypair::ed25519_from_bytes([number + 1; 32]).unwrap();
    key.public().to_peer_id()
}

/// A session, and the link of each host.
struct Driven {
    session: Session,
    now_ms: u64,
    links: BTreeMap<HostId, LinkId>,
}

impl Driven {
    /// Hosts that are up, with leases that begin now.
    fn with_hosts(hosts: &[HostId]) -> Self {
        let mut driven =
            Self { session: Session::new(peer(0)), now_ms: 1000, links: BTreeMap::new() };
        for &host in hosts {
            driven.does(Event::HostAdded { host, peer: peer(host.0 as u8), address: None });
            driven.greet(host);
        }
        driven
    }

    fn does(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.session.handle(self.now_ms, event, &mut actions);
        for action in &actions {
            if let Action::Open { host, link } = action {
                self.links.insert(*host, *link);
            }
        }
        actions
    }

    fn greet(&mut self, host: HostId) -> Vec<Action> {
        let link = self.links[&host];
        self.does(Event::Opened { host, link });
        let mut actions = self.hears(
            host,
            HostControl::Hello { version: PROTOCOL_VERSION, features: Vec::new(), info: info() },
        );
        actions.extend(self.hears(host, HostControl::LeaseRequest { request: 1 }));
        actions
    }

    fn hears(&mut self, host: HostId, frame: HostControl) -> Vec<Action> {
        let link = self.links[&host];
        self.does(Event::Control { host, link, frame })
    }

    fn breaks(&mut self, host: HostId) -> Vec<Action> {
        let link = self.links[&host];
        self.does(Event::Broken { host, link, reason: "cable".to_owned() })
    }

    fn after(&mut self, passed_ms: u64) -> Vec<Action> {
        self.now_ms += passed_ms;
        self.does(Event::Tick)
    }

    fn define(&mut self, wait: Wait) -> Vec<Action> {
        self.define_as(DefineOptions { wait, deadline_ms: 5_000, meets: false })
    }

    fn define_as(&mut self, options: DefineOptions) -> Vec<Action> {
        let mut actions = Vec::new();
        let definition = Definition {
            closures: Vec::new(),
            fallbacks: Vec::new(),
            providers: Vec::new(),
            options,
        };
        self.session.define(self.now_ms, definition, &mut actions).unwrap();
        actions
    }

    fn conclude(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.session.conclude(self.now_ms, &mut actions).unwrap();
        actions
    }

    /// `hosts` online at `POINT`.
    fn online(hosts: &[HostId]) -> Self {
        let mut driven = Self::with_hosts(hosts);
        driven.define(Wait::ForAll);
        for &host in hosts {
            driven.hears(host, prepared(POINT));
        }
        for &host in hosts {
            driven.hears(host, HostControl::Online { point: POINT, credits: 8 });
        }
        assert_eq!(driven.session.online(), Some(POINT));
        driven
    }
}

fn info() -> HostInfo {
    HostInfo {
        incarnation: Incarnation(1),
        name: "test".to_owned(),
        slots: 2,
        memory_bytes: 1 << 30,
        engines: Vec::new(),
        labels: Vec::new(),
        pid: 1,
    }
}

fn prepared(point: Point) -> HostControl {
    HostControl::Prepared { point, fetch_us: 0, compile_us: 0 }
}

fn refused(point: Point) -> HostControl {
    let refusals = vec![Refusal { closure: Some(0), reason: "too large".to_owned() }];
    HostControl::Refused { point, refusals }
}

/// The kinds of frames sent, and to whom.
fn sent(actions: &[Action]) -> Vec<(u32, &'static str)> {
    let frames = actions.iter().filter_map(|action| match action {
        Action::Send { host, frame, .. } => Some((host.0, frame)),
        _ => None,
    });
    frames
        .map(|(host, frame)| {
            let kind = match frame {
                HubControl::Hello { .. } => "hello",
                HubControl::Prepare { .. } => "prepare",
                HubControl::Commit { .. } => "commit",
                HubControl::Conclude { .. } => "conclude",
                HubControl::Cancel { .. } => "cancel",
                HubControl::Lease { .. } => "lease",
                HubControl::Bye => "bye",
            };
            (host, kind)
        })
        .collect()
}

type DefineResult = Result<(Point, Vec<(PeerId, String)>), DefineError>;

fn defined(actions: &[Action]) -> Option<&DefineResult> {
    actions.iter().find_map(|action| match action {
        Action::Defined(result) => Some(result),
        _ => None,
    })
}

fn is_concluded(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Concluded(_)))
}

#[test]
fn hosts_are_greeted_and_their_leases_answered() {
    let mut driven = Driven::with_hosts(&[]);
    driven.does(Event::HostAdded { host: ONE, peer: peer(1), address: None });
    let link = driven.links[&ONE];
    let actions = driven.does(Event::Opened { host: ONE, link });
    assert_eq!(sent(&actions), [(1, "hello")]);
    let hello =
        HostControl::Hello { version: PROTOCOL_VERSION, features: Vec::new(), info: info() };
    assert_eq!(driven.hears(ONE, hello), [Action::HostUp { host: ONE, info: info() }]);
    let actions = driven.hears(ONE, HostControl::LeaseRequest { request: 7 });
    let frame = HubControl::Lease { request: 7, lease_ms: LEASE_MS };
    assert_eq!(actions, [Action::Send { host: ONE, link, frame }]);
}

#[test]
fn another_version_is_refused_with_both_numbers() {
    let mut driven = Driven::with_hosts(&[]);
    driven.does(Event::HostAdded { host: ONE, peer: peer(1), address: None });
    let link = driven.links[&ONE];
    driven.does(Event::Opened { host: ONE, link });
    let actions =
        driven.hears(ONE, HostControl::Hello { version: 9, features: Vec::new(), info: info() });
    let Some(Action::HostLost { reason, is_final: true, .. }) = actions.last() else {
        panic!("not refused: {actions:?}")
    };
    assert!(reason.contains("version 9") && reason.contains("version 2"), "{reason}");
    assert_eq!(driven.after(60_000), []);
}

#[test]
fn what_takes_hosts_a_while_is_known_until_they_have_prepared() {
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    assert_eq!(driven.session.awaited(), []);
    driven.define(Wait::ForAll);
    assert_eq!(driven.session.awaited(), [(peer(1), None), (peer(2), None)]);
    let step = PrepareStep::Compiling;
    let busy = |point, permille| HostControl::Preparing { point, closure: 1, step, permille };
    assert_eq!(driven.hears(ONE, busy(POINT, Some(450))), []);
    assert_eq!(driven.hears(TWO, busy(Point(0), None)), [], "about another point");
    let known = |permille| Some(Busy { closure: 1, step, permille });
    assert_eq!(driven.session.awaited(), [(peer(1), known(Some(450))), (peer(2), None)]);
    driven.hears(ONE, busy(POINT, Some(u32::MAX)));
    assert_eq!(driven.session.awaited()[0], (peer(1), known(Some(1000))));
    driven.hears(ONE, prepared(POINT));
    // It comes late, and changes nothing.
    driven.hears(ONE, busy(POINT, None));
    assert_eq!(driven.session.awaited(), [(peer(2), None)]);
    driven.hears(TWO, prepared(POINT));
    assert_eq!(driven.session.awaited(), []);
    // Online, it is a fallback that is prepared, until it is.
    driven.hears(ONE, HostControl::Online { point: POINT, credits: 1 });
    assert_eq!(driven.session.busy(), []);
    driven.hears(ONE, busy(POINT, None));
    assert_eq!(driven.session.busy(), [(peer(1), Busy { closure: 1, step, permille: None })]);
    driven.hears(ONE, busy(POINT, Some(1000)));
    assert_eq!(driven.session.busy(), []);
}

#[test]
fn a_point_comes_into_force_when_all_have_prepared() {
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    assert_eq!(sent(&driven.define(Wait::ForAll)), [(1, "prepare"), (2, "prepare")]);
    assert_eq!(driven.hears(ONE, prepared(POINT)), []);
    let actions = driven.hears(TWO, prepared(POINT));
    assert_eq!(defined(&actions), Some(&Ok((POINT, Vec::new()))));
    assert_eq!(sent(&actions), [(1, "commit"), (2, "commit")]);
    let link = driven.links[&ONE];
    let actions = driven.hears(ONE, HostControl::Online { point: POINT, credits: 8 });
    let online = Action::HostOnline { host: ONE, link, peer: peer(1), credits: 8, slots: 2 };
    assert_eq!(actions, [online]);
}

#[test]
fn a_host_cannot_claim_slots_or_credits_without_end() {
    let mut driven = Driven::online(&[ONE]);
    let (link, entry) = (driven.links[&ONE], driven.session.hosts.get_mut(&ONE).unwrap());
    entry.stage = Stage::Committed { until_ms: u64::MAX };
    let actions = driven.hears(ONE, HostControl::Online { point: POINT, credits: u32::MAX });
    let credits = 2 * TASKS_PER_SLOT_MAX;
    let online = Action::HostOnline { host: ONE, link, peer: peer(1), credits, slots: 2 };
    assert_eq!(actions, [online]);
    let entry = driven.session.hosts.get_mut(&ONE).unwrap();
    entry.link = Link::Greeting { link, until_ms: u64::MAX };
    let info = HostInfo { slots: u32::MAX, ..info() };
    let actions = driven
        .hears(ONE, HostControl::Hello { version: PROTOCOL_VERSION, features: Vec::new(), info });
    let [Action::HostUp { info, .. }] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(info.slots, SLOTS_MAX);
}

#[test]
fn who_waits_for_one_gets_the_others_later() {
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    driven.define(Wait::ForOne);
    let actions = driven.hears(TWO, prepared(POINT));
    let Some(Ok((POINT, out))) = defined(&actions) else { panic!("{actions:?}") };
    assert_eq!(out.len(), 1);
    assert_eq!(sent(&actions), [(2, "commit")]);
    // Both are told who is in by then.
    let actions = driven.hears(ONE, prepared(POINT));
    assert_eq!(sent(&actions), [(1, "commit"), (2, "commit")]);
    let everyone = members(peer(0), [peer(1), peer(2)].into_iter());
    for action in &actions {
        let Action::Send { frame: HubControl::Commit { members, .. }, .. } = action else {
            continue;
        };
        assert_eq!(*members, everyone);
    }
}

#[test]
fn one_refusal_leaves_the_others_in() {
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    driven.define(Wait::ForAll);
    driven.hears(ONE, refused(POINT));
    let actions = driven.hears(TWO, prepared(POINT));
    let reasons = vec![(peer(1), "closure 0: too large".to_owned())];
    assert_eq!(defined(&actions), Some(&Ok((POINT, reasons))));
    assert_eq!(sent(&actions), [(2, "commit")]);
}

#[test]
fn one_refusal_fails_a_strict_definition() {
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    driven.define(Wait::Strict);
    driven.hears(TWO, prepared(POINT));
    let actions = driven.hears(ONE, refused(POINT));
    assert!(matches!(defined(&actions), Some(Err(DefineError::Refused { .. }))), "{actions:?}");
    assert_eq!(sent(&actions), [(2, "conclude")]);
    assert_eq!(sent(&driven.define(Wait::ForAll)), [(1, "prepare"), (2, "prepare")]);
}

#[test]
fn slow_hosts_are_left_out_at_the_deadline() {
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    driven.define(Wait::ForAll);
    driven.hears(ONE, prepared(POINT));
    assert_eq!(defined(&driven.after(4_999)), None);
    let actions = driven.after(1);
    let reasons = vec![(peer(2), "it did not prepare in time".to_owned())];
    assert_eq!(defined(&actions), Some(&Ok((POINT, reasons))));
    assert_eq!(sent(&actions), [(2, "conclude"), (1, "commit")]);
    // Too late: it was told that the point is over for it.
    assert_eq!(driven.hears(TWO, prepared(POINT)), []);
}

#[test]
fn without_hosts_a_definition_fails() {
    let mut driven = Driven::with_hosts(&[]);
    let actions = driven.define(Wait::ForAll);
    assert_eq!(defined(&actions), Some(&Err(DefineError::NoHosts { reasons: Vec::new() })));
}

#[test]
fn hosts_out_of_reach_are_hoped_for_and_then_given_up() {
    let mut driven = Driven::with_hosts(&[]);
    driven.does(Event::HostAdded { host: ONE, peer: peer(1), address: None });
    driven.define(Wait::ForAll);
    let link = driven.links[&ONE];
    let reason = "no route".to_owned();
    let failed = Event::OpenFailed { host: ONE, link, reason: reason.clone(), is_final: false };
    assert_eq!(defined(&driven.does(failed)), None);
    let actions = driven.after(NO_HOSTS_GRACE_MS);
    let expected = Err(DefineError::NoHosts { reasons: vec![(peer(1), reason)] });
    assert_eq!(defined(&actions), Some(&expected));
}

#[test]
fn a_late_joiner_is_brought_to_the_point() {
    let mut driven = Driven::online(&[ONE]);
    driven.does(Event::HostAdded { host: TWO, peer: peer(2), address: None });
    assert_eq!(sent(&driven.greet(TWO)), [(2, "prepare"), (2, "lease")]);
    assert_eq!(sent(&driven.hears(TWO, prepared(POINT))), [(1, "commit"), (2, "commit")]);
}

#[test]
fn a_broken_stream_is_a_lost_host_and_reconnects_as_another() {
    let mut driven = Driven::online(&[ONE]);
    let old = driven.links[&ONE];
    let actions = driven.breaks(ONE);
    assert!(matches!(actions[0], Action::Close { link, .. } if link == old));
    assert!(matches!(actions[1], Action::HostOffline { .. }));
    driven.after(RECONNECT_MIN_MS);
    assert_ne!(driven.links[&ONE], old);
    // What the old streams still bring is stale.
    let frame = HostControl::Online { point: POINT, credits: 8 };
    assert_eq!(driven.does(Event::Control { host: ONE, link: old, frame }), []);
    assert_eq!(sent(&driven.greet(ONE)), [(1, "prepare"), (1, "lease")]);
}

#[test]
fn a_silent_host_is_lost_when_its_lease_is_over() {
    let mut driven = Driven::online(&[ONE]);
    let end_ms = lease_end_ms(driven.now_ms);
    let wait_ms = end_ms - driven.now_ms;
    assert_eq!(driven.after(wait_ms - 1), []);
    let actions = driven.after(1);
    assert!(actions.iter().any(|action| matches!(action, Action::HostOffline { .. })));
}

#[test]
fn a_conclusion_waits_for_every_host_that_can_be_reached() {
    let mut driven = Driven::online(&[ONE, TWO]);
    assert_eq!(sent(&driven.conclude()), [(1, "conclude"), (2, "conclude")]);
    assert!(!is_concluded(&driven.hears(ONE, HostControl::Concluded { point: POINT })));
    assert!(is_concluded(&driven.breaks(TWO)));
}

#[test]
fn the_next_point_waits_out_the_leases_of_lost_hosts() {
    let mut driven = Driven::online(&[ONE, TWO]);
    driven.breaks(TWO);
    driven.conclude();
    driven.hears(ONE, HostControl::Concluded { point: POINT });
    assert_eq!(sent(&driven.define(Wait::ForAll)), []);
    assert!(driven.session.old_leases_until_ms() > driven.now_ms + LEASE_MS);
    driven.after(LEASE_MS / 4);
    driven.hears(ONE, HostControl::LeaseRequest { request: 2 });
    let wait_ms = driven.session.old_leases_until_ms() - driven.now_ms;
    assert_eq!(sent(&driven.after(wait_ms - 1)), []);
    assert_eq!(sent(&driven.after(1)), [(1, "prepare")]);
}

#[test]
fn nobody_waits_for_the_lease_of_a_process_that_ended() {
    let mut driven = Driven::online(&[ONE, TWO]);
    driven.does(Event::HostRemoved { host: TWO, ended: true });
    driven.conclude();
    driven.hears(ONE, HostControl::Concluded { point: POINT });
    assert_eq!(sent(&driven.define(Wait::ForAll)), [(1, "prepare")]);
}

#[test]
fn having_no_host_is_told_once_it_has_lasted() {
    let mut driven = Driven::online(&[ONE]);
    driven.breaks(ONE);
    let told =
        |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::NoHosts { .. }));
    assert!(!told(&driven.after(NO_HOSTS_GRACE_MS - 1)));
    let link = driven.links[&ONE];
    let reason = "no route".to_owned();
    driven.does(Event::OpenFailed { host: ONE, link, reason, is_final: false });
    assert!(told(&driven.after(1)));
    assert!(!told(&driven.after(1)));
}

/// Whom each host is to meet.
fn to_meet(actions: &[Action]) -> Vec<(u32, Vec<Member>)> {
    let told = actions.iter().filter_map(|action| match action {
        Action::Send { host, frame: HubControl::Prepare { meet, .. }, .. } => {
            Some((host.0, meet.clone()))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn of_two_hosts_the_one_asked_later_looks_for_the_other() {
    let mut driven = Driven::with_hosts(&[]);
    let member = |number| Member::from(peer(number));
    for number in [1, 2, 3, 4] {
        // Nobody knows where host 3 listens: it is in this process.
        let address = (number != 3).then(|| vec![number]);
        let host = HostId(number.into());
        driven.does(Event::HostAdded { host, peer: peer(number), address });
        if number != 1 {
            driven.greet(host);
        }
    }
    let options = DefineOptions { wait: Wait::ForOne, deadline_ms: 5_000, meets: true };
    let asked = to_meet(&driven.define_as(options));
    assert_eq!(asked, [(2, vec![]), (3, vec![member(2)]), (4, vec![member(2)])]);
    driven.hears(TWO, prepared(POINT));
    driven.hears(HostId(4), refused(POINT));
    // One that comes later meets those that are in or will be, and not one that is out.
    assert_eq!(to_meet(&driven.greet(ONE)), [(1, vec![member(2)])]);
    // Where no values go between hosts, nobody is met.
    let mut driven = Driven::with_hosts(&[ONE, TWO]);
    let options = DefineOptions { wait: Wait::ForOne, deadline_ms: 5_000, meets: false };
    assert_eq!(to_meet(&driven.define_as(options)), [(1, vec![]), (2, vec![])]);
}

#[test]
fn wrong_moments_say_what_to_do() {
    let mut driven = Driven::online(&[ONE]);
    let options = DefineOptions { wait: Wait::ForAll, deadline_ms: 1, meets: false };
    let definition =
        Definition { closures: Vec::new(), fallbacks: Vec::new(), providers: Vec::new(), options };
    let define = |driven: &mut Driven| {
        driven.session.define(driven.now_ms, definition.clone(), &mut Vec::new())
    };
    assert_eq!(define(&mut driven), Err(SequenceError::DefineOnline { point: POINT }));
    driven.conclude();
    assert_eq!(define(&mut driven), Err(SequenceError::Concluding { point: POINT }));
    driven.hears(ONE, HostControl::Concluded { point: POINT });
    driven.define(Wait::ForAll);
    assert_eq!(define(&mut driven), Err(SequenceError::Preparing { point: Point(2) }));
    assert_eq!(sent(&driven.does(Event::Close)), [(1, "bye")]);
    assert_eq!(define(&mut driven), Err(SequenceError::Closed));
}

#[test]
fn every_deadline_ahead_is_the_next_wake_up() {
    let mut driven = Driven::online(&[ONE]);
    assert_eq!(driven.session.wake_ms(), Some(lease_end_ms(driven.now_ms)));
    driven.breaks(ONE);
    assert_eq!(driven.session.wake_ms(), Some(driven.now_ms + RECONNECT_MIN_MS));
    driven.does(Event::Close);
    assert_eq!(driven.session.wake_ms(), None);
}
