//! Meshes of several peers in one process.
