//! What can go wrong with a mesh.

use std::{error::Error, io, time::Duration};

use libp2p::{
    Multiaddr, PeerId, TransportError, noise,
    swarm::{self, DialError as SwarmDialError},
};

/// Why a mesh did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The transport key cannot be used.
    #[error("transport key cannot be used")]
    Key(#[source] noise::Error),
    /// mDNS cannot be used here.
    #[error("mDNS cannot be used")]
    Mdns(#[source] io::Error),
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`: {cause}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system said.
        cause: String,
    },
    /// Listening was not confirmed in time.
    #[error("listening on `{address}` was not confirmed in {} s", timeout.as_secs())]
    ListenTimedOut {
        /// The address.
        address: Multiaddr,
        /// How long that may take.
        timeout: Duration,
    },
}

/// Why a peer was not connected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nothing answered at the address, or the handshake failed.
    #[error("cannot connect to `{address}`: {cause}")]
    Unreachable {
        /// The address.
        address: Multiaddr,
        /// The innermost cause.
        cause: String,
    },
    /// The connection was not made in time.
    #[error("cannot connect to `{address}`: no answer in {} s", timeout.as_secs())]
    TimedOut {
        /// The address.
        address: Multiaddr,
        /// How long that may take.
        timeout: Duration,
    },
    /// Another peer answered at the address.
    #[error("peer `{found}` answered at `{address}`, where `{expected}` was expected")]
    WrongPeer {
        /// The address.
        address: Multiaddr,
        /// The peer that was expected.
        expected: PeerId,
        /// The peer that answered.
        found: PeerId,
    },
    /// The address is our own.
    #[error("`{address}` is this process itself")]
    Own {
        /// The address.
        address: Multiaddr,
    },
    /// No address of the peer is known.
    #[error("no address of peer `{peer}` is known")]
    NoAddress {
        /// The peer.
        peer: PeerId,
    },
    /// Too many peers are being dialled.
    #[error("too many peers are being dialled")]
    Busy,
    /// The mesh was stopped.
    #[error("mesh is stopped")]
    Stopped,
}

impl DialError {
    /// What the swarm says, about the address that was asked for.
    pub(super) fn from_swarm(
        error: &SwarmDialError,
        address: &Multiaddr,
        expected: Option<PeerId>,
    ) -> Self {
        let address = address.clone();
        match error {
            SwarmDialError::WrongPeerId { obtained, .. } => match expected {
                Some(expected) => Self::WrongPeer { address, expected, found: *obtained },
                None => Self::Unreachable { address, cause: error.to_string() },
            },
            SwarmDialError::LocalPeerId { .. } => Self::Own { address },
            SwarmDialError::NoAddresses => match expected {
                Some(peer) => Self::NoAddress { peer },
                None => Self::Unreachable { address, cause: error.to_string() },
            },
            SwarmDialError::Transport(errors) => {
                let cause = match errors.first() {
                    Some((_, TransportError::MultiaddrNotSupported(_))) => {
                        "this kind of address is not supported".to_owned()
                    }
                    Some((_, TransportError::Other(error))) => innermost(error),
                    None => error.to_string(),
                };
                Self::Unreachable { address, cause }
            }
            SwarmDialError::Denied { cause } => {
                Self::Unreachable { address, cause: innermost(cause) }
            }
            SwarmDialError::Aborted | SwarmDialError::DialPeerConditionFalse(_) => {
                Self::Unreachable { address, cause: error.to_string() }
            }
        }
    }
}

/// Why a connection ended, for people.
pub(super) fn disconnect_cause(cause: Option<&swarm::ConnectionError>) -> String {
    match cause {
        None => "it was closed".to_owned(),
        Some(swarm::ConnectionError::KeepAliveTimeout) => "nobody used it any more".to_owned(),
        Some(error) => innermost(error),
    }
}

/// The last error of the chain; those around it only say which transport it was.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    loop {
        // An `io::Error` that wraps another shows it as itself, not as its source.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        match inner.or_else(|| error.source()) {
            Some(source) => error = source,
            None => return error.to_string(),
        }
    }
}
