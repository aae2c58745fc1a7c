//! The words both ends of SPM share: ids, manifests, values, frames, outcomes and limits.
//!
//! No I/O, no clock, no async: everything here is data, and functions from data to data.

pub mod certificate;
pub mod frame;
pub mod ids;
pub mod limits;
pub mod lines;
pub mod manifest;
pub mod outcome;
pub mod parts;
pub mod raised;
mod reason;
pub mod trap;
pub mod value;

pub use certificate::{Certificate, CertificateError, Certified};
pub use ids::{ContentId, Incarnation, Point, SessionId, TaskId};
pub use libp2p_identity::PeerId;
pub use manifest::{Engine, Manifest, SignedManifest};
pub use outcome::{Arguments, Outcome, Payload, Piece};
pub use raised::Raised;
pub use trap::TrapCode;
