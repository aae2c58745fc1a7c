//! The libp2p mesh: identity, discovery, streams, and blobs by content.
