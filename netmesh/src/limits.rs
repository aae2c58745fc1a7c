//! Limits on what a peer can make the mesh hold or wait for, each with its reason.

use std::time::Duration;

pub use spm_protocol::limits::FRAME_BYTES_MAX;
use spm_protocol::limits::{KIB, MIB, SESSIONS_PER_PEER_MAX};

/// Bytes queued in one direction of a pipe, whatever its capacity in frames. Bounds what a slow reader
/// costs; a few of the largest frames keep a fast one busy.
pub const PIPE_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;
/// Frames queued in each direction of a session's pipes.
pub const SESSION_PIPE_FRAMES: usize = 256;
/// Bytes a pump gathers before it writes. Fills Yamux's and QUIC's windows well and stays in cache.
pub const PUMP_BATCH_BYTES: usize = 128 * KIB;
/// Bytes a pump reads at once. Every stream holds that much, so a peer with very many of them counts.
pub const PUMP_READ_BYTES: usize = 32 * KIB;
/// Longest reason that travels in a goodbye; longer ones are cut.
pub const GOODBYE_BYTES_MAX: usize = KIB;
/// How long a closing pipe may take to write what is queued. A peer that no longer reads must not keep
/// its frames in our memory.
pub const PIPE_DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Commands that wait for the swarm loop.
pub const COMMANDS_PENDING_MAX: usize = 256;
/// Events a slow reader of `Mesh::events` may leave waiting; past it the oldest are dropped, and it is told.
pub const EVENTS_PENDING_MAX: usize = 256;
/// Established connections, all peers together.
pub const CONNECTIONS_MAX: u32 = 8192;
/// Established connections that others made, so that we can always make some ourselves.
pub const CONNECTIONS_INBOUND_MAX: u32 = CONNECTIONS_MAX / 2;
/// Connections one peer may have: both ends may dial at once, over either transport.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 4;
/// Inbound connections in handshake. Handshakes cost CPU before we know who it is.
pub const CONNECTIONS_PENDING_MAX: u32 = 256;
/// Inbound streams of one connection in protocol negotiation.
pub const NEGOTIATING_STREAMS_MAX: usize = 128;
/// Negotiated inbound streams that wait for the task that accepts them, which only spawns.
pub const ACCEPT_PENDING_MAX: usize = 1024;
/// Inbound streams between accepted and done with their preamble (or, for blobs, served), all peers together.
pub const ACCEPTING_MAX: usize = 8192;
/// Streams one connection may have open, both ways. Two for each session, and some for blobs.
pub const STREAMS_PER_CONNECTION_MAX: usize = 2 * SESSIONS_PER_PEER_MAX + 256;
/// How long connecting to one address may take, handshakes included.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long listening on an address may take to be confirmed.
pub const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection nobody has streams on is closed after this.
pub const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_mins(15);
/// How often a connection is probed; with the timeout, how late a silent peer is noticed.
pub const PING_INTERVAL: Duration = Duration::from_secs(3);
/// How long a probe may take. Long enough for a host whose CPUs are all busy.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause before a bootstrap address is dialled again.
pub const REDIAL_MIN: Duration = Duration::from_millis(250);
/// Longest pause before a bootstrap address is dialled again.
pub const REDIAL_MAX: Duration = Duration::from_secs(30);
/// How long stopping may take to close connections in order.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Addresses of peers remembered for dialling again.
pub const REMEMBERED_PEERS_MAX: usize = 4096;

/// Largest preamble of a session or blob stream, certificate included.
pub const PREAMBLE_BYTES_MAX: usize = 4 * KIB;
/// How long a peer may take to send a preamble or to answer one.
pub const PREAMBLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one stream of a session waits for the other.
pub const PAIRING_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams one peer may have between accepted and paired (or, for blobs, between request and end).
pub const PREAMBLES_PER_PEER_MAX: usize = 256;
/// Sessions accepted and not yet taken from `Mesh::incoming_sessions`.
pub const INCOMING_SESSIONS_MAX: usize = 256;

/// Blobs one peer may fetch from us at the same time.
pub const BLOB_SERVES_PER_PEER_MAX: usize = 16;
/// Blobs served at the same time, all peers together.
pub const BLOB_SERVES_MAX: usize = 64;
/// Bytes per second below which a peer gives its slot to one who waits: a slow reader must not hold one for ever.
pub const BLOB_RATE_MIN: u64 = 128 * KIB as u64;
/// How long a serve is left alone, however slow: hash tree and windows come first.
pub const BLOB_GRACE: Duration = Duration::from_secs(2);
/// How long one waits to be served before it is told to ask elsewhere. Shorter than it waits for an answer.
pub const BLOB_WAIT_TIMEOUT: Duration = Duration::from_secs(8);
/// First pause before a provider that was busy is asked again.
pub const BLOB_BUSY_PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause before a provider that was busy is asked again. It queues those who ask, and a pause costs
/// the place in that queue.
pub const BLOB_BUSY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long providers that are busy are asked again. Whoever fetches has a deadline of its own, which is
/// usually over first: this bounds a fetch that nobody waits for.
pub const BLOB_BUSY_TIMEOUT: Duration = Duration::from_mins(2);
/// How often one who waits looks for slow readers.
pub const BLOB_WAIT_INTERVAL: Duration = Duration::from_millis(250);
/// Blobs we fetch at the same time; more wait their turn.
pub const BLOB_FETCHES_MAX: usize = 16;
/// A blob stream that moves no byte for this long is dropped.
pub const BLOB_STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Memory set aside for a blob before its first verified chunk; it grows as verified bytes arrive.
pub const BLOB_PREALLOCATION_BYTES_MAX: usize = MIB;
/// Providers tried for one blob.
pub const BLOB_PROVIDERS_MAX: usize = 64;

const _: () = assert!(FRAME_BYTES_MAX < 1 << 31, "a frame's header has 31 bits for its length");
const _: () = assert!(PIPE_BYTES_MAX >= FRAME_BYTES_MAX);
const _: () = assert!(BLOB_WAIT_TIMEOUT.as_secs() < BLOB_STALL_TIMEOUT.as_secs());
