//! Every limit on what a peer may send or a task may use, with its reason.

/// One KiB.
pub const KIB: usize = 1024;
/// One MiB.
pub const MIB: usize = 1024 * KIB;

/// Largest value carried inside a frame; larger ones travel as session blobs, so that control
/// and small tasks never wait behind data.
pub const INLINE_BYTES_MAX: usize = 64 * KIB;
/// Largest frame. A batch is closed before it grows past half of this, and one inline value with
/// its header always fits the other half.
pub const FRAME_BYTES_MAX: usize = 1024 * KIB;
/// Tasks or results in one frame. Bounds what a decoder allocates for a frame of tiny entries.
pub const BATCH_TASKS_MAX: usize = 4096;
/// Largest argument list or result of a task, as CBOR. Bounds what one task costs hub and host.
pub const VALUE_BYTES_MAX: usize = 256 * MIB;
/// Pieces of one task's arguments. Their ids, with all the rest of its frame, fit half a frame.
pub const PIECES_MAX: usize = 4096;
/// Bytes of those pieces that travel in the frame.
pub const PIECES_BYTES_MAX: usize = 2 * INLINE_BYTES_MAX;
/// Parts in which a host keeps one result.
pub const PARTS_MAX: usize = 256;
/// Largest result, or part of one, that a host does not keep: to name it takes as much.
pub const KEPT_INLINE_BYTES_MAX: usize = KIB;
/// Tasks that one task may make, and the bytes of their arguments.
pub const SPAWNED_MAX: usize = 1_000_000;
/// Bytes that one host keeps for a session: results that stay there, and messages on their way.
pub const KEPT_BYTES_MAX: u64 = 8192 * MIB as u64;
/// Messages, and their bytes in frames, that may wait for one rank before its senders wait, too.
pub const INBOX_MESSAGES_MAX: usize = 4096;
/// See [`INBOX_MESSAGES_MAX`].
pub const INBOX_BYTES_MAX: usize = 16 * MIB;
/// Messages that a rank sends before it asks whether there is room for more.
pub const SENDS_UNCONFIRMED_MAX: u64 = 256;
/// Ranks of one team on one host, for each of its slots: each has a thread.
pub const RANKS_PER_SLOT_MAX: u32 = 16;
/// Longest multiaddress of a member.
pub const ADDRESS_BYTES_MAX: usize = 1024;
/// Largest component a host accepts. The scientific runtime has 150 MiB.
pub const COMPONENT_BYTES_MAX: usize = 256 * MIB;
/// Largest exception record; text beyond it is cut by the guest.
pub const RAISED_BYTES_MAX: usize = MIB;
/// How deep causes, contexts and group members may nest.
pub const RAISED_DEPTH_MAX: usize = 64;
/// Exceptions in one record: causes, contexts and members together. The smallest takes three bytes
/// and becomes a few hundred.
pub const RAISED_RECORDS_MAX: usize = 4096;
/// Frames of one traceback. `CPython` prints thousands of equal ones as a few; a guest leaves out
/// those between the outermost and innermost ones.
pub const RAISED_FRAMES_MAX: usize = 1024;
/// Closures defined by one sequence point.
pub const CLOSURES_MAX: usize = 1024;
/// Hosts in one session.
pub const MEMBERS_MAX: usize = 4096;
/// Sessions one submitter may have open on one host: each costs two streams and a task.
pub const SESSIONS_PER_PEER_MAX: usize = 1024;
/// Tasks a host holds for one session, queued or running, for each of its slots; the credits it
/// grants add up to this. Two frames' worth keeps slots busy while a batch is on its way.
pub const TASKS_PER_SLOT_MAX: u32 = 1024;
/// Bytes one task may print before it is stopped.
pub const OUTPUT_BYTES_MAX: usize = 16 * MIB;
/// Output of one task that a host holds back before it must send it on.
pub const OUTPUT_CHUNK_BYTES_MAX: usize = 16 * KIB;
/// Linear memory of one task when its closure says nothing.
pub const MEMORY_BYTES_DEFAULT: u64 = 256 * MIB as u64;
/// Linear memory a closure may ask for: all that a 32-bit guest can address.
pub const MEMORY_BYTES_MAX: u64 = 4096 * MIB as u64;
/// Elements of a guest's table; compiled closures have none.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances, memories and tables of one component. The scientific runtime has a few.
pub const INSTANCES_MAX: usize = 64;
/// Native stack of a guest. A recursion of `CPython`'s usual limit of 1000 needs a tenth of it.
pub const STACK_BYTES_MAX: usize = 4 * MIB;
/// Native stack of a guest that is an interpreter. `CPython` counts its own stack, in linear memory, and raises
/// `RecursionError` when that is used up; by then, the `repr` of nested lists has taken more than 16 MiB of this one. It is
/// address space, and memory only where a task did get that deep.
pub const INTERPRETER_STACK_BYTES_MAX: usize = 64 * MIB;
/// Length of a name or label in a frame.
pub const TEXT_BYTES_MAX: usize = 16 * KIB;
/// Length of a reason in a frame; what is longer is cut by its writer. Every closure of a point may be refused with
/// one, in one frame.
pub const REASON_BYTES_MAX: usize = 1000;
/// Features or engines a peer may name.
pub const FEATURES_MAX: usize = 64;
/// Labels of one host.
pub const LABELS_MAX: usize = 64;
/// Milliseconds between ticks of a host's epoch, at which guests look for a reason to stop.
pub const EPOCH_TICK_MS: u64 = 5;
/// How long a lease lasts from when the host asked for it.
pub const LEASE_MS: u64 = 10_000;
/// How often a host asks for its lease again: three requests may be lost.
pub const LEASE_RENEWAL_MS: u64 = LEASE_MS / 4;
/// What the hub adds to a lease for clocks that drift, in percent.
pub const LEASE_DRIFT_PERCENT: u64 = 10;
/// How long a host may take to prepare, unless the session says otherwise.
pub const PREPARE_DEADLINE_MS: u64 = 120_000;
/// The same where an interpreter with compiled packages may have to be fetched and compiled first.
pub const PREPARE_LONG_DEADLINE_MS: u64 = 2 * COMPILE_LONG_SECONDS_MAX * 1000;
/// CPU seconds and wall seconds of the child process that compiles strangers' code.
pub const COMPILE_SECONDS_MAX: u64 = 120;
/// The same for an interpreter with compiled packages, of which one at a time is compiled: it takes two minutes of a
/// processor of today, and may be on a slow one.
pub const COMPILE_LONG_SECONDS_MAX: u64 = 1200;
/// Memory of that child process.
pub const COMPILE_MEMORY_BYTES_MAX: u64 = 4096 * MIB as u64;
/// Lifetime of a manifest's signature and of a transport key's certificate.
pub const SIGNATURE_LIFETIME_MS: u64 = 24 * 3600 * 1000;
/// How far two machines' clocks may differ before signatures look expired or not yet valid.
pub const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

const _: () = assert!(INLINE_BYTES_MAX * 2 <= FRAME_BYTES_MAX / 2);
const _: () = assert!(RAISED_BYTES_MAX <= VALUE_BYTES_MAX);
const _: () = assert!(CLOSURES_MAX * (REASON_BYTES_MAX + 16) < FRAME_BYTES_MAX);
const _: () = assert!(LEASE_RENEWAL_MS * 3 < LEASE_MS);
