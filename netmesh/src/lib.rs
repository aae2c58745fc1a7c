//! The libp2p mesh: identity, discovery, streams, and blobs by content.
mod identity;
mod key_file;
pub mod limits;
pub mod pipe;
pub use identity::{Identity, KEY_FILE};
pub use key_file::IdentityError;
pub use libp2p::{Multiaddr, PeerId};
pub use pipe::{
    CloseReason, Pipe, PipeClosed, PipeReceiver, PipeSender, TryRecvError, TrySendError,
};
