//! The transports: TCP with Noise and Yamux, QUIC, or libp2p's in-memory transport.

use std::time::Duration;

use libp2p::{
    PeerId, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, MemoryTransport, timeout::TransportTimeout},
        upgrade::Version,
    },
    identity::Keypair,
    noise, quic, tcp, yamux,
};

use crate::limits::{DIAL_TIMEOUT, PING_INTERVAL, PING_TIMEOUT, STREAMS_PER_CONNECTION_MAX};

/// What connections are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP with Noise and Yamux, and QUIC.
    Network,
    /// Connections within this process, at `/memory/…` addresses. For tests.
    Memory,
}

type Muxed = Boxed<(PeerId, StreamMuxerBox)>;

impl Transport {
    pub(super) fn build(self, key: &Keypair) -> Result<Muxed, noise::Error> {
        match self {
            Self::Network => network(key),
            Self::Memory => Ok(MemoryTransport::default()
                .upgrade(Version::V1Lazy)
                .authenticate(noise::Config::new(key)?)
                .multiplex(yamux())
                .timeout(DIAL_TIMEOUT + Duration::from_secs(1))
                .boxed()),
        }
    }
}

fn network(key: &Keypair) -> Result<Muxed, noise::Error> {
    // Nagle's algorithm would hold small frames back; pumps gather frames themselves.
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(yamux());
    let mut config = quic::Config::new(key);
    config.max_concurrent_stream_limit = STREAMS_PER_CONNECTION_MAX as u32;
    config.max_idle_timeout = PING_TIMEOUT.as_millis() as u32;
    config.keep_alive_interval = PING_INTERVAL;
    let quic = quic::tokio::Transport::new(config)
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
    let either = quic.or_transport(tcp.boxed()).map(|either, _| either.into_inner());
    Ok(TransportTimeout::new(either, DIAL_TIMEOUT + Duration::from_secs(1)).boxed())
}

fn yamux() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_PER_CONNECTION_MAX);
    config
}
