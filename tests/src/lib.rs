//! What tests share that need two crates or more: a deterministic simulation of hub and hosts, and managers of tasks that are
//! nothing but mailboxes.

pub mod channels;
pub mod simulation;
