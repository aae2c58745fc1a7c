//! Blobs in a store, and moved between peers.
