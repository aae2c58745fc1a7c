//! Limits of the hub itself, each with its reason. Those shared with hosts are in
//! `spm_protocol::limits`.

/// How long a host may take to accept a session's streams.
pub const CONNECT_DEADLINE_MS: u64 = 15_000;
/// How long a host may take to answer the hub's hello.
pub const HELLO_DEADLINE_MS: u64 = 10_000;
/// How long a host may take to drop what is left of a point. Longer than it takes to stop any task.
pub const CONCLUDE_DEADLINE_MS: u64 = 20_000;
/// How long a host that promised to be in force may take to say that it is.
pub const COMMIT_DEADLINE_MS: u64 = 10_000;
/// How long a host may take to report that a cancelled task stopped. It costs a credit until then.
pub const CANCEL_DEADLINE_MS: u64 = 20_000;
/// First pause before a lost host is tried again.
pub const RECONNECT_MIN_MS: u64 = 100;
/// Longest pause before a lost host is tried again.
pub const RECONNECT_MAX_MS: u64 = 5_000;
/// How long tasks wait for a host to come (back) when none is left, before they fail.
pub const NO_HOSTS_GRACE_MS: u64 = 3_000;
/// Work sent ahead to each slot of a host, in microseconds of its tasks' own time. Covers a round trip and
/// the batching on both ends; more would only pile tasks up behind a slow one.
pub const LOOKAHEAD_US: u64 = 4_000;
/// How long a host that has tasks may end none before they are asked back, if another host is idle.
pub const RECALL_MIN_MS: u64 = 10;
/// The same for a host that gave tasks back again and again. It is how long a slot may stay idle, at worst, that
/// somebody else left on a host that was busy before.
pub const RECALL_MAX_MS: u64 = 250;
/// Slots a host is taken to have at most, whatever it says: its credits follow from them.
pub const SLOTS_MAX: u32 = 4096;
/// Tasks gathered by single submits before they are sent as one frame, while every slot is busy anyway.
pub const SUBMIT_BATCH_TASKS: usize = 32;
/// Bytes of inline arguments after which a frame of tasks is closed: half a frame, so that one more value
/// always fits.
pub const BATCH_BYTES_MAX: usize = spm_protocol::limits::FRAME_BYTES_MAX / 2;
/// Bytes of inline arguments at one host, unless its slots need more: half of what a pipe holds.
pub const HOST_BYTES_MAX: usize = spm_netmesh::limits::PIPE_BYTES_MAX / 2;
/// Output of one run that waits for its reader; what is printed beyond it is dropped and counted.
pub const OUTPUT_PENDING_BYTES_MAX: usize = 16 * spm_protocol::limits::MIB;
/// Result blobs fetched at the same time by one session.
pub const FETCHES_MAX: usize = 16;
/// Window of a run that does not say otherwise.
pub const WINDOW_TASKS_DEFAULT: usize = 4_096;
/// Attempts at a task after the first that infrastructure outcomes may cost.
pub const RETRIES_DEFAULT: u32 = 3;
/// Reasons kept for each host of a refused closure.
pub const REASONS_PER_HOST_MAX: usize = 16;
/// Frames handled under one lock before others get a turn.
pub const FRAMES_PER_TURN_BYTES: usize = 256 * spm_protocol::limits::KIB;
/// Threads of the hub's runtime, when it makes its own. With a second, each frame also wakes the one that is to watch
/// the sockets meanwhile: that cost up to half of the tasks per second, and a quarter of a round trip.
pub const RUNTIME_THREADS: usize = 1;
