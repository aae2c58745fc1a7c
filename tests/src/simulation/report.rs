//! What a simulation is asked for, and what it says.

/// A world in which SPM cannot keep its promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Hosts' clocks are slower than leases allow for.
    ClocksTooSlow,
    /// Hosts' clocks do not count the time they are suspended.
    ClocksStopWhileSuspended,
    /// Hosts say that a point is concluded while its tasks run on.
    ConclusionsLie,
    /// Hosts forget tasks.
    TasksVanish,
    /// Hosts keep the tasks that they give back.
    RecallsLie,
    /// The hub is not told of the fallback, and so runs no task again that left its closure.
    FallbackForgotten,
    /// Hosts run every task by the closure that is left.
    FallbacksIgnored,
    /// The hub makes one attempt less, as if leaving a closure cost one.
    OneRetryLess,
    /// Hosts keep what was kept for a point when that is concluded.
    KeptForEver,
    /// Hosts keep what they are told that nobody needs.
    NothingFreed,
    /// Messages between ranks are lost.
    MessagesVanish,
}

/// What a simulation did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Events.
    pub events: u64,
    /// Sequence points that came into force.
    pub points: u64,
    /// Tasks submitted.
    pub submitted: u64,
    /// Tasks that ended, each once.
    pub completed: u64,
    /// Tasks that returned.
    pub returned: u64,
    /// Links that the hub lost.
    pub lost: u64,
    /// Tasks that hosts gave back before they had started.
    pub taken_back: u64,
    /// Tasks that left their closure, and returned from the fallback.
    pub deopts: u64,
    /// Tasks that left their closure where no host could prepare the fallback.
    pub unbacked: u64,
    /// Questions that were answered.
    pub answered: u64,
    /// Tasks that made tasks.
    pub grown: u64,
    /// Nodes of graphs that were made again because their results were lost.
    pub remade: u64,
    /// Teams that began, and of these, those whose ranks all returned, and those that waited for ever.
    pub teams: u64,
    /// See [`Report::teams`].
    pub teams_returned: u64,
    /// See [`Report::teams`].
    pub deadlocks: u64,
    /// Large messages and results that other hosts fetched.
    pub fetched: u64,
    /// Runs of which nothing was left long before they were concluded.
    pub settled: u64,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, at {at_ms} ms: {what}")]
pub struct Violation {
    /// Reproduces it.
    pub seed: u64,
    /// When, in simulated time.
    pub at_ms: u64,
    /// What.
    pub what: String,
}
