//! A deterministic simulation of one hub's session: the hub's real machines and the hosts' real machines over a
//! pretended network, with hosts that crash, restart, join late, leave and are suspended, streams that stall
//! and break, and clocks that drift by up to ten percent.
//!
//! A simulation is a function of its seed. After every event the invariants are checked; the first that is
//! broken ends it. A [`Mutation`] breaks the world on purpose, to show that the checks can fail.

mod crew;
mod graph;
mod host;
mod network;
mod owner;
mod random;
mod report;
mod scripts;
mod talking;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use libp2p_identity::Keypair;
use spm_hub::machine::list::{Event as ListEvent, List};
use spm_hub::machine::session::Event as SessionEvent;
use spm_hub::machine::{Action, Conversation, Event, HostId, LinkId};
use spm_protocol::frame::{Frame, HostControl, HostWork, HubControl, HubWork, Member};
use spm_protocol::{Arguments, ContentId, PeerId, Piece, Point, TaskId};

use self::host::{CLOSURE, FALLBACK, HostSession, SimulatedHost, record_of, value_of};
use self::network::{ConnectionId, Fault, FromHost, FromHub, Happening, Network, Way};
use self::owner::Owner;
use self::random::Random;
pub use self::report::{Mutation, Report, Violation};
use self::talking::Fetching;
use self::work::{DEPTH_MAX, grown_of, question_of};

/// How long things go wrong, in simulated time.
const CHAOS_MS: u64 = 60_000;
/// How long all may take in the end, when nothing goes wrong any more. Longer than every deadline of the
/// machines together.
const CALM_MS: u64 = 600_000;
/// Events of one simulation; more means that it runs in circles.
const EVENTS_MAX: u64 = 2_000_000;
/// Hosts there may ever be in one simulation.
const HOSTS_MAX: u32 = 12;

/// Runs the simulation of one seed.
///
/// # Errors
/// The first invariant that was broken.
pub fn simulate(seed: u64, mutation: Option<Mutation>) -> Result<Report, Violation> {
    let mut world = World::new(seed, mutation);
    world.run().map_err(|what| Violation { seed, at_ms: world.network.now_ms, what })?;
    Ok(world.report())
}

struct World {
    random: Random,
    network: Network,
    hub: Conversation,
    hosts: BTreeMap<HostId, SimulatedHost>,
    owner: Owner,
    mutation: Option<Mutation>,
    /// Points committed on each connection.
    committed: BTreeSet<(ConnectionId, Point)>,
    hub_tick_ms: Option<u64>,
    events: u64,
    lost: u64,
    taken_back: u64,
    fetched: u64,
    /// When each attempt was sent.
    sent_ms: BTreeMap<(TaskId, u32), u64>,
}

impl World {
    fn new(seed: u64, mutation: Option<Mutation>) -> Self {
        let mut random = Random::new(seed);
        let owner = Owner::new(&mut random, mutation);
        let mut world = Self {
            random,
            network: Network::default(),
            hub: Conversation::new(peer(u32::MAX)),
            hosts: BTreeMap::new(),
            owner,
            mutation,
            committed: BTreeSet::new(),
            hub_tick_ms: None,
            events: 0,
            lost: 0,
            taken_back: 0,
            fetched: 0,
            sent_ms: BTreeMap::new(),
        };
        let hosts = world.random.between(1, 5) as u32;
        for number in 0..hosts {
            world.add_host(HostId(number));
            let joins_late = number > 0 && world.random.chance(25);
            let at_ms = if joins_late { world.random.between(1, CHAOS_MS / 2) } else { 0 };
            world.network.at(at_ms, Happening::Fault(Fault::Join { host: HostId(number) }));
        }
        world.plan_faults(hosts);
        world.network.after(1, Happening::OwnerActs);
        world
    }

    fn add_host(&mut self, host: HostId) {
        let simulated = SimulatedHost::new(host, &mut self.random, self.mutation);
        self.hosts.insert(host, simulated);
    }

    fn plan_faults(&mut self, hosts: u32) {
        let is_rough = self.random.chance(70);
        let faults = if is_rough { self.random.between(1, 25) } else { 0 };
        for _ in 0..faults {
            let host = HostId(self.random.between(0, u64::from(hosts) - 1) as u32);
            let at_ms = self.random.between(1, CHAOS_MS);
            let for_ms = self.random.between(1, 20_000);
            let fault = match self.random.between(0, 9) {
                0 | 1 => Fault::Crash { host },
                2 | 3 => Fault::Suspend { host, for_ms },
                4..=6 => Fault::Break { host },
                7 | 8 => Fault::Stall { host, for_ms },
                _ => Fault::Leave { host },
            };
            self.network.at(at_ms, Happening::Fault(fault));
        }
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(happening) = self.network.next() {
            self.events += 1;
            if self.events > EVENTS_MAX {
                return Err("it runs in circles".to_owned());
            }
            if self.network.now_ms > CHAOS_MS + CALM_MS {
                return Err(format!("it hangs: {}; {}", self.owner.state(), self.hub_state()));
            }
            self.happen(happening)?;
            self.check()?;
            if self.owner.is_done() {
                self.with_hub(|hub, now_ms, actions| {
                    hub.handle(now_ms, Event::Session(SessionEvent::Close), actions);
                })?;
                return Ok(());
            }
        }
        Err(format!("nothing happens any more: {}", self.owner.state()))
    }

    /// What the hub thinks, for people.
    fn hub_state(&self) -> String {
        let hosts = self.hub.session().hosts().iter();
        let hosts: Vec<_> = hosts.map(|(id, host)| (id.0, host.link, host.stage)).collect();
        let list = self.hub.list().map(|list| (list.stats(), list.credits()));
        format!("hosts {hosts:?}, run {list:?}")
    }

    fn report(&self) -> Report {
        Report {
            events: self.events,
            points: self.owner.points,
            submitted: self.owner.submitted,
            completed: self.owner.completed,
            returned: self.owner.returned,
            lost: self.lost,
            taken_back: self.taken_back,
            deopts: self.owner.deopts,
            unbacked: self.owner.unbacked,
            answered: self.owner.answered,
            grown: self.owner.grown,
            remade: self.owner.remade,
            teams: self.owner.teams,
            teams_returned: self.owner.teams_returned,
            deadlocks: self.owner.deadlocks,
            fetched: self.fetched,
            settled: self.owner.settled,
        }
    }

    /// The host that a happening is about, if it happens on one.
    fn place(&self, happening: &Happening) -> Option<HostId> {
        match happening {
            Happening::HostHears { connection, .. }
            | Happening::HostNotices { connection }
            | Happening::HostTick { connection }
            | Happening::HostPrepared { connection, .. }
            | Happening::HostDropped { connection, .. }
            | Happening::TaskEnds { connection, .. }
            | Happening::TaskGoesOn { connection, .. }
            | Happening::TaskFails { connection, .. }
            | Happening::RankFetches(Fetching { connection, .. }) => {
                Some(self.network.connections[connection.0].host)
            }
            _ => None,
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        if let Some(host) = self.place(&happening) {
            let now_ms = self.network.now_ms;
            let Some(simulated) = self.hosts.get(&host) else { return Ok(()) };
            if simulated.is_suspended(now_ms) {
                // It waits, with everything else, until the machine wakes up.
                self.network.at(simulated.suspended_until_ms, happening);
                return Ok(());
            }
            return self.happen_on_host(host, happening);
        }
        match happening {
            Happening::HubTick => {
                self.hub_tick_ms = None;
                self.tell_hub(SessionEvent::Tick)
            }
            Happening::HubOpened { connection } => {
                let (host, link) = self.link_of(connection);
                self.tell_hub(SessionEvent::Opened { host, link })
            }
            Happening::HubOpenFailed { host, link } => self.tell_hub(SessionEvent::OpenFailed {
                host,
                link,
                reason: "no luck".to_owned(),
                is_final: false,
            }),
            Happening::HubHears { connection, frame } => self.hub_hears(connection, frame),
            Happening::HubNotices { connection } => {
                let (host, link) = self.link_of(connection);
                self.tell_hub(SessionEvent::Broken { host, link, reason: "broken".to_owned() })
            }
            Happening::HubFetched { task, attempt, number, result } => {
                let result = result.map(bytes::Bytes::from);
                self.with_hub(|hub, now_ms, actions| {
                    hub.handle(now_ms, Event::Fetched { task, attempt, number, result }, actions);
                })
            }
            Happening::Fault(fault) => self.fault(fault),
            Happening::OwnerActs => self.owner_acts(),
            Happening::HostHears { .. }
            | Happening::HostNotices { .. }
            | Happening::HostTick { .. }
            | Happening::HostPrepared { .. }
            | Happening::HostDropped { .. }
            | Happening::TaskEnds { .. }
            | Happening::TaskGoesOn { .. }
            | Happening::TaskFails { .. }
            | Happening::RankFetches(_) => Ok(()),
        }
    }

    fn happen_on_host(&mut self, host: HostId, happening: Happening) -> Result<(), String> {
        if let Happening::RankFetches(fetching) = happening {
            return self.rank_fetches(host, &fetching);
        }
        let can_fetch = match happening {
            Happening::TaskEnds { connection, task, attempt, .. } => {
                self.can_fetch(connection, (task, attempt))?
            }
            _ => true,
        };
        let Some(simulated) = self.hosts.get_mut(&host) else { return Ok(()) };
        let (network, random) = (&mut self.network, &mut self.random);
        let closed = match happening {
            Happening::HostHears { connection, frame } => {
                let streams = &network.connections[connection.0];
                if streams.is_cut || !streams.host_is_open {
                    return Ok(());
                }
                simulated.hear(connection, frame, network, random)
            }
            Happening::HostNotices { connection } => {
                let reason = "broken".to_owned();
                let event = spm_host::session::Event::Broken { reason };
                simulated.handle(connection, event, network, random)
            }
            Happening::HostTick { connection } => simulated.tick(connection, network, random),
            Happening::HostPrepared { connection, point, is_refused } => {
                simulated.prepared(connection, point, is_refused, network, random)
            }
            Happening::HostDropped { connection, point } => {
                simulated.dropped(connection, point, network, random)
            }
            Happening::TaskEnds { connection, task, attempt, is_stopped } => {
                let key = (task, attempt);
                simulated.task_ends(connection, key, is_stopped, can_fetch, network, random)
            }
            Happening::TaskFails { connection, task, attempt } => {
                simulated.task_ends(connection, (task, attempt), false, false, network, random)
            }
            Happening::TaskGoesOn { connection, task, attempt } => {
                simulated.task_goes_on(connection, (task, attempt), network, random);
                None
            }
            _ => None,
        };
        if let Some(violation) = &simulated.violation {
            return Err(format!("host {}: {violation}", host.0));
        }
        match closed {
            // The host counts credits by itself, and stale frames are no reason to end a session.
            Some(reason) if reason.contains("credits") || reason.contains("prepared while one") => {
                Err(format!("host {} closed the session: {reason}", host.0))
            }
            _ => Ok(()),
        }
    }

    fn hub_hears(&mut self, connection: ConnectionId, frame: FromHost) -> Result<(), String> {
        let streams = &self.network.connections[connection.0];
        if streams.is_cut || !streams.hub_is_open {
            return Ok(());
        }
        let (host, link) = (streams.host, streams.link);
        if let FromHost::Control(HostControl::Concluded { point }) = &frame
            && let Some(session) =
                self.hosts.get(&host).and_then(|host| host.sessions.get(&connection))
            && session.has_work_of(*point)
        {
            return Err(format!("host {} says {point} is concluded, and has work of it", host.0));
        }
        if let FromHost::Work(HostWork::Unstarted { tasks, .. }) = &frame {
            self.taken_back += tasks.len() as u64;
            let session = self.hosts.get(&host).and_then(|host| host.sessions.get(&connection));
            if let Some((task, _)) = tasks.iter().find(|(task, attempt)| {
                session.is_some_and(|session| session.has_attempt(*task, *attempt))
            }) {
                return Err(format!("host {} gave task {task} back, and keeps it", host.0));
            }
        }
        let event = match frame {
            FromHost::Control(frame) => Event::Session(SessionEvent::Control { host, link, frame }),
            FromHost::Work(frame) => Event::Work { host, link, frame },
        };
        self.with_hub(|hub, now_ms, actions| hub.handle(now_ms, event, actions))
    }

    fn tell_hub(&mut self, event: SessionEvent) -> Result<(), String> {
        self.with_hub(|hub, now_ms, actions| hub.handle(now_ms, Event::Session(event), actions))
    }

    fn with_hub(
        &mut self,
        change: impl FnOnce(&mut Conversation, u64, &mut Vec<Action>),
    ) -> Result<(), String> {
        let mut actions = Vec::new();
        change(&mut self.hub, self.network.now_ms, &mut actions);
        self.follow(actions)
    }

    fn follow(&mut self, actions: Vec<Action>) -> Result<(), String> {
        for action in actions {
            self.act(action)?;
        }
        if let Some(wake_ms) = self.hub.wake_ms()
            && wake_ms < u64::MAX
            && self.hub_tick_ms.is_none_or(|tick_ms| wake_ms < tick_ms)
        {
            let at_ms = wake_ms.max(self.network.now_ms);
            self.hub_tick_ms = Some(at_ms);
            self.network.at(at_ms, Happening::HubTick);
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Open { host, link } => {
                let delay_ms = self.random.between(1, 30);
                let now_ms = self.network.now_ms;
                let can_open = self
                    .hosts
                    .get(&host)
                    .is_some_and(|host| host.is_alive && !host.is_suspended(now_ms))
                    && !self.random.chance(5);
                if can_open {
                    let connection = self.network.connect(host, link);
                    if let Some(host) = self.hosts.get_mut(&host) {
                        host.accept(connection, &mut self.network);
                    }
                    self.network.after(delay_ms, Happening::HubOpened { connection });
                } else {
                    self.network.after(delay_ms, Happening::HubOpenFailed { host, link });
                }
            }
            Action::Close { host, link } => {
                let found = self.network.connections.iter().position(|connection| {
                    connection.host == host && connection.link == link && connection.hub_is_open
                });
                if let Some(connection) = found {
                    self.network.close(ConnectionId(connection), true, &mut self.random);
                }
            }
            Action::SendControl { host, link, frame } => {
                let Some(connection) = self.connection_of(host, link) else { return Ok(()) };
                match &frame {
                    HubControl::Commit { point, .. } => {
                        self.committed.insert((connection, *point));
                    }
                    HubControl::Prepare { point, .. } => self.check_nothing_old(*point)?,
                    _ => {}
                }
                let frame =
                    HubControl::from_bytes(&frame.to_bytes()).map_err(|error| error.to_string())?;
                let happening = Happening::HostHears { connection, frame: FromHub::Control(frame) };
                self.network.send(connection, Way::ControlToHost, &mut self.random, happening);
            }
            Action::SendTasks { host, link, point, tasks } => {
                for task in &tasks {
                    self.sent_ms.insert((task.id, task.attempt), self.network.now_ms);
                }
                self.send_work(host, link, &HubWork::Tasks { point, tasks })?;
            }
            Action::Recall { host, link, point, tasks } => {
                self.send_work(host, link, &HubWork::Recall { point, tasks })?;
            }
            Action::SendWork { host, link, frame } => self.send_work(host, link, &frame)?,
            Action::Fetch { task, attempt, number, id, .. } => {
                let Some(index) = self.hub.list().and_then(|list| list.index_of(task)) else {
                    return Ok(());
                };
                let values = [CLOSURE, FALLBACK].map(|closure| value_of(index, closure));
                let grown = (0..=DEPTH_MAX).flat_map(|depth| {
                    [CLOSURE, FALLBACK].map(|closure| grown_of(index, closure, depth))
                });
                let question = question_of(index, attempt, number);
                let mut blobs = values.into_iter().chain([record_of(index), question]).chain(grown);
                let Some(blob) = blobs.find(|blob| ContentId::of(blob) == id) else {
                    return Err(format!("task {task} is to have a blob that is not its own"));
                };
                let result =
                    if self.random.chance(10) { Err("nobody has it".to_owned()) } else { Ok(blob) };
                let happening = Happening::HubFetched { task, attempt, number, result };
                self.network.after(self.random.between(1, 50), happening);
            }
            Action::Deliver(delivery) => self.owner.deliver(delivery),
            Action::Defined(result) => self.owner.defined(&result),
            Action::Concluded(point) => {
                self.check_concluded(point)?;
                self.owner.concluded();
            }
            Action::HostLost { .. } => self.lost += 1,
            Action::Release { .. } | Action::HostUp { .. } => {}
        }
        Ok(())
    }

    fn owner_acts(&mut self) -> Result<(), String> {
        let now_ms = self.network.now_ms;
        let is_calm = now_ms > CHAOS_MS;
        let count = self.owner.take(self.hub.list(), &mut self.random)?;
        if self.owner.is_settled(now_ms) {
            self.check_settled()?;
        }
        let mut actions = Vec::new();
        if count > 0 {
            self.hub.handle_list(now_ms, ListEvent::Taken { count }, &mut actions);
        }
        let was_concluding = self.owner.is_concluding();
        let acted = self.owner.act(&mut self.hub, now_ms, is_calm, &mut self.random, &mut actions);
        acted?;
        let concludes = !was_concluding && self.owner.is_concluding();
        self.follow(actions)?;
        if concludes {
            self.owner.take_rest(&mut self.random)?;
        }
        let delay_ms = self.random.between(1, 60);
        self.network.after(delay_ms, Happening::OwnerActs);
        Ok(())
    }

    fn fault(&mut self, fault: Fault) -> Result<(), String> {
        let now_ms = self.network.now_ms;
        match fault {
            Fault::Join { host } => {
                let Some(simulated) = self.hosts.get_mut(&host) else { return Ok(()) };
                simulated.is_in_pool = true;
                return self.tell_hub(SessionEvent::HostAdded {
                    host,
                    peer: peer(host.0),
                    address: None,
                });
            }
            Fault::Leave { host } => {
                let is_in =
                    self.hosts.get(&host).is_some_and(|host| host.is_in_pool && host.is_alive);
                let next = HostId(self.hosts.len() as u32);
                if !is_in || next.0 >= HOSTS_MAX {
                    return Ok(());
                }
                // It leaves, and another takes its place.
                self.add_host(next);
                let at_ms = now_ms + self.random.between(1, 5_000);
                self.network.at(at_ms, Happening::Fault(Fault::Join { host: next }));
                let ended = self.random.chance(30);
                if ended {
                    self.crash(host);
                } else if let Some(simulated) = self.hosts.get_mut(&host) {
                    simulated.is_in_pool = false;
                }
                return self.tell_hub(SessionEvent::HostRemoved { host, ended });
            }
            Fault::Crash { host } => {
                if self.hosts.get(&host).is_some_and(|host| host.is_alive) {
                    self.crash(host);
                    let delay_ms = self.random.between(100, 20_000);
                    self.network.after(delay_ms, Happening::Fault(Fault::Restart { host }));
                }
            }
            Fault::Restart { host } => {
                if let Some(host) = self.hosts.get_mut(&host) {
                    host.restart();
                }
            }
            Fault::Suspend { host, for_ms } => {
                if let Some(simulated) = self.hosts.get_mut(&host)
                    && !simulated.is_suspended(now_ms)
                {
                    simulated.suspend(now_ms, for_ms);
                    self.network.at(now_ms + for_ms, Happening::Fault(Fault::Resume { host }));
                }
            }
            Fault::Resume { host } => {
                let Some(simulated) = self.hosts.get_mut(&host) else { return Ok(()) };
                let connections: Vec<_> = simulated.sessions.keys().copied().collect();
                for connection in connections {
                    simulated.tick(connection, &mut self.network, &mut self.random);
                }
            }
            Fault::Break { host } => {
                let found = self.network.connections.iter().rposition(|connection| {
                    connection.host == host && !connection.is_cut && connection.hub_is_open
                });
                if let Some(connection) = found {
                    self.network.cut(ConnectionId(connection), &mut self.random);
                }
            }
            Fault::Stall { host, for_ms } => self.network.stall(host, for_ms),
        }
        Ok(())
    }

    fn crash(&mut self, host: HostId) {
        if let Some(host) = self.hosts.get_mut(&host) {
            host.crash();
        }
        for connection in 0..self.network.connections.len() {
            let streams = &mut self.network.connections[connection];
            if streams.host == host && !streams.is_cut {
                streams.host_is_open = false;
                self.network.cut(ConnectionId(connection), &mut self.random);
            }
        }
    }

    fn link_of(&self, connection: ConnectionId) -> (HostId, spm_hub::machine::LinkId) {
        let connection = &self.network.connections[connection.0];
        (connection.host, connection.link)
    }

    fn send_work(&mut self, host: HostId, link: LinkId, frame: &HubWork) -> Result<(), String> {
        let Some(connection) = self.connection_of(host, link) else {
            return Err(format!("work sent to host {}, which is not there", host.0));
        };
        let frame = HubWork::from_bytes(&frame.to_bytes()).map_err(|error| error.to_string())?;
        let happening = Happening::HostHears { connection, frame: FromHub::Work(frame) };
        self.network.send(connection, Way::WorkToHost, &mut self.random, happening);
        Ok(())
    }

    fn connection_of(&self, host: HostId, link: spm_hub::machine::LinkId) -> Option<ConnectionId> {
        let found = self.network.connections.iter().rposition(|connection| {
            connection.host == host && connection.link == link && connection.hub_is_open
        });
        found.map(ConnectionId)
    }

    /// What holds after every event.
    fn check(&self) -> Result<(), String> {
        let now_ms = self.network.now_ms;
        if let Some(list) = self.hub.list() {
            if let Some(broken) = list.broken_invariant() {
                return Err(broken);
            }
            self.owner.check_window(list)?;
        }
        let session = self.hub.session();
        let old_until_ms = session.old_leases_until_ms();
        for (id, host) in &self.hosts {
            if now_ms <= host.suspended_until_ms {
                // It has not looked at its clock yet.
                continue;
            }
            for (&connection, at_host) in &host.sessions {
                if let Some(point) = at_host.machine.online()
                    && !self.committed.contains(&(connection, point))
                {
                    return Err(format!("host {} is online at {point}, uncommitted", id.0));
                }
                if !at_host.is_working() {
                    continue;
                }
                let (host, link) = self.link_of(connection);
                let until_ms = if session.is_current(host, link) {
                    session.hosts().get(&host).map_or(0, |host| host.lease_until_ms.unwrap_or(0))
                } else {
                    old_until_ms
                };
                if now_ms >= until_ms {
                    return Err(format!(
                        "host {} works, and its lease was over at {until_ms} ms for the hub",
                        id.0
                    ));
                }
            }
        }
        Ok(())
    }

    /// Of a run that is over for long, no host has anything, and all know the least value that was found.
    fn check_settled(&self) -> Result<(), String> {
        let bound = self.hub.list().map_or(f64::INFINITY, List::bound);
        let online: Vec<(HostId, PeerId)> = self.hub.online_hosts().collect();
        for (id, host) in &self.hosts {
            for (&connection, at_host) in &host.sessions {
                let (host_id, link) = self.link_of(connection);
                let Some(point) = at_host.machine.online() else { continue };
                if !self.hub.session().is_current(host_id, link) {
                    continue;
                }
                if at_host.has_work_of(point) {
                    return Err(format!("host {} keeps what nobody needs", id.0));
                }
                let is_unknown =
                    |(_, it): &&(HostId, PeerId)| !at_host.members.contains(&Member::from(*it));
                if let Some((other, _)) = online.iter().find(is_unknown) {
                    return Err(format!("host {} does not know host {}", id.0, other.0));
                }
                if at_host.bound > bound {
                    return Err(format!("host {} was not told of the bound {bound}", id.0));
                }
            }
        }
        Ok(())
    }

    /// The session of a host that the hub talks to now.
    fn current_session(&self, peer_id: PeerId) -> Option<&HostSession> {
        let (id, host) = self.hosts.iter().find(|(id, _)| peer(id.0) == peer_id)?;
        let is_current = |connection: &ConnectionId| {
            let streams = &self.network.connections[connection.0];
            self.hub.session().is_current(*id, streams.link)
        };
        host.sessions.iter().find(|(connection, _)| is_current(connection)).map(|(_, it)| it)
    }

    /// Whether any session of a host keeps a value, and which.
    fn kept_at(&self, member: &Member, id: ContentId) -> Option<Vec<u8>> {
        let (_, host) = self.hosts.iter().find(|(it, _)| Member::from(peer(it.0)) == *member)?;
        host.sessions.values().find_map(|session| Some(session.kept.get(&id)?.1.clone()))
    }

    /// Whether a task that is about to end could fetch all that it needs. What is there for a task that is wanted must
    /// not be gone.
    fn can_fetch(&mut self, connection: ConnectionId, key: (TaskId, u32)) -> Result<bool, String> {
        let (host, link) = self.link_of(connection);
        let session = self.hosts.get(&host).and_then(|host| host.sessions.get(&connection));
        let Some((_, task)) = session.and_then(|session| session.running.get(&key)) else {
            return Ok(true);
        };
        let Arguments::Pieces(pieces) = &task.arguments else { return Ok(true) };
        for piece in pieces {
            let Piece::Blob { id, holder: Some(holder), .. } = piece else { continue };
            if self.kept_at(holder, *id).is_some() {
                self.fetched += 1;
                continue;
            }
            let sent_ms = self.sent_ms.get(&key).copied().unwrap_or(0);
            let is_old = |session: &HostSession| session.since_ms < sent_ms;
            let is_held = holder.peer().and_then(|peer| self.current_session(peer));
            let is_wanted = self.hub.session().is_current(host, link)
                && self.hub.list().is_some_and(|list| list.has_task(key.0));
            if is_wanted && is_held.is_some_and(is_old) {
                return Err(format!("task {} needs what its holder was told to free", key.0));
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn rank_fetches(&mut self, host: HostId, fetching: &Fetching) -> Result<(), String> {
        let Fetching { connection, task, attempt, holder, id, source, tag } = fetching;
        let content = self.kept_at(holder, *id);
        let (_, link) = self.link_of(*connection);
        // A holder may be lost whose own rank had ended.
        let sent_ms = self.sent_ms.get(&(*task, *attempt)).copied().unwrap_or(0);
        let is_old = |session: &HostSession| session.since_ms < sent_ms;
        let is_wanted = self.hub.session().is_current(host, link)
            && holder.peer().is_some_and(|peer| self.current_session(peer).is_some_and(is_old))
            && self.hub.list().is_some_and(|list| list.has_task(*task));
        let Some(simulated) = self.hosts.get_mut(&host) else { return Ok(()) };
        let (network, random) = (&mut self.network, &mut self.random);
        let key = (*task, *attempt);
        match content {
            Some(content) => {
                self.fetched += 1;
                let from = (*source, *tag);
                simulated.takes_message(*connection, key, from, &content, network, random)
            }
            None if is_wanted
                && simulated
                    .sessions
                    .get(connection)
                    .is_some_and(|session| session.talks.contains_key(&key)) =>
            {
                Err(format!("a message to rank {task} was freed before it was fetched"))
            }
            None => {
                simulated.task_ends(*connection, key, false, false, network, random);
                Ok(())
            }
        }
    }

    /// When `point` is prepared, nothing of an earlier one is left anywhere.
    fn check_nothing_old(&self, point: Point) -> Result<(), String> {
        self.check_no_work(Point(point.0 - 1), true)
    }

    /// When `point` is concluded, nothing of it is left on hosts that can be reached.
    fn check_concluded(&self, point: Point) -> Result<(), String> {
        self.check_no_work(point, false)
    }

    fn check_no_work(&self, point: Point, everywhere: bool) -> Result<(), String> {
        let now_ms = self.network.now_ms;
        for (id, host) in &self.hosts {
            for (&connection, at_host) in &host.sessions {
                let (host_id, link) = self.link_of(connection);
                let is_watched = everywhere && !host.is_suspended(now_ms)
                    || self.hub.session().is_current(host_id, link);
                let is_online = at_host.machine.online().is_some_and(|online| online <= point);
                if is_watched && (at_host.has_work_of(point) || is_online) {
                    return Err(format!("host {} still has work of {point} or before", id.0));
                }
            }
        }
        Ok(())
    }
}

fn peer(number: u32) -> PeerId {
    static PEERS: OnceLock<Vec<PeerId>> = OnceLock::new();
    let peers = PEERS.get_or_init(|| {
        let keys = (0..=HOSTS_MAX as u8).map(|seed| Keypair::ed25519_from_bytes([seed + 1; 32]));
        keys.map(|key| key.expect("32 bytes are a key").public().to_peer_id()).collect()
    });
    peers[(number.min(HOSTS_MAX)) as usize]
}
