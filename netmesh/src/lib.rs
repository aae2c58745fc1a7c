//! The libp2p mesh: identity, discovery, streams, and blobs by content.
//!
//! A [`Mesh`] is a handle to one swarm. Peers meet over TCP or QUIC ([`Mesh::dial`]), open sessions to one
//! another ([`Mesh::open_session`]: two frame [`Pipe`]s with certificates exchanged), and fetch blobs by
//! content ([`Mesh::fetch`], from another's [`BlobStore`]). A pipe within one process ([`Pipe::pair`]) is the
//! same type, so code above does not know which it has.
//!
//! **Absent on purpose:** Wasm, tasks, trust. The mesh proves who a peer acts for; whether that owner is
//! trusted is decided above.

mod blob;
mod identity;
mod key_file;
pub mod limits;
mod mesh;
mod message;
mod permits;
pub mod pipe;
mod session;
mod spin;

pub use blob::{
    BlobStore, BlobStoreOptions, FetchError, FolderError, ProviderError, PutError, ReadBlob,
    ShareError,
};
pub use identity::{Identity, KEY_FILE};
pub use key_file::IdentityError;
pub use libp2p::{Multiaddr, PeerId, identity::Keypair};
pub use mesh::{
    DialError, Mesh, MeshEvent, MeshEvents, MeshOptions, OpenStreamError, StartError, Transport,
};
pub use message::MessageError;
pub use pipe::{
    CloseReason, Direct, PendingWake, Pipe, PipeClosed, PipeReceiver, PipeSender, TryRecvError,
    TrySendError, directly,
};
pub use session::{IncomingSession, IncomingSessions, OpenSessionError, SessionChannel};
pub use spin::Spin;

#[cfg(test)]
mod tests;
