//! A network that delays, stalls and breaks, but never reorders a stream.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use spm_hub::machine::{HostId, LinkId};
use spm_protocol::frame::{HostControl, HostWork, HubControl, HubWork};
use spm_protocol::{Point, TaskId};

use super::random::Random;
use super::talking::Fetching;

/// A pair of streams between the hub and one life of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub usize);

/// The streams of a connection, each one way.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    ControlToHost,
    WorkToHost,
    ControlToHub,
    WorkToHub,
}

/// What a connection's ends think of it.
#[derive(Debug)]
pub struct Connection {
    pub host: HostId,
    pub link: LinkId,
    /// Nothing arrives any more, whether the ends know or not.
    pub is_cut: bool,
    pub hub_is_open: bool,
    pub host_is_open: bool,
    arrived_ms: [u64; 4],
    stalled_until_ms: u64,
}

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub enum Happening {
    HubTick,
    HubOpened {
        connection: ConnectionId,
    },
    HubOpenFailed {
        host: HostId,
        link: LinkId,
    },
    HubHears {
        connection: ConnectionId,
        frame: FromHost,
    },
    HubNotices {
        connection: ConnectionId,
    },
    HubFetched {
        task: TaskId,
        attempt: u32,
        number: u64,
        result: Result<Vec<u8>, String>,
    },
    HostHears {
        connection: ConnectionId,
        frame: FromHub,
    },
    HostNotices {
        connection: ConnectionId,
    },
    HostTick {
        connection: ConnectionId,
    },
    HostPrepared {
        connection: ConnectionId,
        point: Point,
        is_refused: bool,
    },
    HostDropped {
        connection: ConnectionId,
        point: Point,
    },
    TaskEnds {
        connection: ConnectionId,
        task: TaskId,
        attempt: u32,
        is_stopped: bool,
    },
    TaskGoesOn {
        connection: ConnectionId,
        task: TaskId,
        attempt: u32,
    },
    /// What it waits for does not come.
    TaskFails {
        connection: ConnectionId,
        task: TaskId,
        attempt: u32,
    },
    RankFetches(Fetching),
    Fault(Fault),
    OwnerActs,
}

/// Something goes wrong, or right again.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Crash {
        host: HostId,
    },
    Restart {
        host: HostId,
    },
    Suspend {
        host: HostId,
        for_ms: u64,
    },
    Resume {
        host: HostId,
    },
    /// Breaks one connection of this host, if it has one.
    Break {
        host: HostId,
    },
    /// Lets nothing through to and from this host for a while.
    Stall {
        host: HostId,
        for_ms: u64,
    },
    Join {
        host: HostId,
    },
    Leave {
        host: HostId,
    },
}

/// A frame on its way to the hub.
#[derive(Debug, Clone)]
pub enum FromHost {
    Control(HostControl),
    Work(HostWork),
}

/// A frame on its way to a host.
#[derive(Debug, Clone)]
pub enum FromHub {
    Control(HubControl),
    Work(HubWork),
}

struct Scheduled {
    at_ms: u64,
    order: u64,
    happening: Happening,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

/// Time, what is to happen, and the connections.
#[derive(Default)]
pub struct Network {
    pub now_ms: u64,
    pub connections: Vec<Connection>,
    scheduled: BinaryHeap<Reverse<Scheduled>>,
    order: u64,
}

impl Network {
    /// The next thing to happen; time moves there.
    pub fn next(&mut self) -> Option<Happening> {
        let Reverse(scheduled) = self.scheduled.pop()?;
        self.now_ms = self.now_ms.max(scheduled.at_ms);
        Some(scheduled.happening)
    }

    pub fn at(&mut self, at_ms: u64, happening: Happening) {
        self.order += 1;
        let at_ms = at_ms.max(self.now_ms);
        self.scheduled.push(Reverse(Scheduled { at_ms, order: self.order, happening }));
    }

    pub fn after(&mut self, delay_ms: u64, happening: Happening) {
        self.at(self.now_ms.saturating_add(delay_ms), happening);
    }

    pub fn connect(&mut self, host: HostId, link: LinkId) -> ConnectionId {
        self.connections.push(Connection {
            host,
            link,
            is_cut: false,
            hub_is_open: true,
            host_is_open: true,
            arrived_ms: [self.now_ms; 4],
            stalled_until_ms: 0,
        });
        ConnectionId(self.connections.len() - 1)
    }

    /// Sends something that arrives after what was sent before it on the same stream, if it arrives.
    pub fn send(&mut self, id: ConnectionId, way: Way, random: &mut Random, happening: Happening) {
        let now_ms = self.now_ms;
        let connection = &mut self.connections[id.0];
        if connection.is_cut {
            return;
        }
        let delay_ms =
            if random.chance(2) { random.between(100, 3_000) } else { random.between(1, 10) };
        let arrived_ms = &mut connection.arrived_ms[way as usize];
        let at_ms = (now_ms + delay_ms).max(*arrived_ms).max(connection.stalled_until_ms);
        *arrived_ms = at_ms;
        self.at(at_ms, happening);
    }

    /// One end closes: the other notices after all that was sent to it.
    pub fn close(&mut self, id: ConnectionId, by_hub: bool, random: &mut Random) {
        let connection = &mut self.connections[id.0];
        let (ways, happening) = if by_hub {
            connection.hub_is_open = false;
            ([Way::ControlToHost, Way::WorkToHost], Happening::HostNotices { connection: id })
        } else {
            connection.host_is_open = false;
            ([Way::ControlToHub, Way::WorkToHub], Happening::HubNotices { connection: id })
        };
        let last_ms = ways.map(|way| connection.arrived_ms[way as usize]).into_iter().max();
        if !connection.is_cut {
            let at_ms = last_ms.unwrap_or(0).max(self.now_ms) + random.between(1, 10);
            self.at(at_ms, happening);
        }
    }

    /// Nothing arrives on a connection any more. Its ends notice sooner, later, or never.
    pub fn cut(&mut self, id: ConnectionId, random: &mut Random) {
        let connection = &mut self.connections[id.0];
        if connection.is_cut {
            return;
        }
        connection.is_cut = true;
        if random.chance(80) {
            self.after(random.between(0, 3_000), Happening::HubNotices { connection: id });
        }
        if random.chance(80) {
            self.after(random.between(0, 3_000), Happening::HostNotices { connection: id });
        }
    }

    pub fn stall(&mut self, host: HostId, for_ms: u64) {
        let until_ms = self.now_ms + for_ms;
        for connection in self.connections.iter_mut().filter(|it| it.host == host) {
            connection.stalled_until_ms = connection.stalled_until_ms.max(until_ms);
        }
    }
}
