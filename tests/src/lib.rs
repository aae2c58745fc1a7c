//! What tests share that need two crates or more: a deterministic simulation of hub and hosts.

pub mod simulation;
