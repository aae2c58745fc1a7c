//! The corpus of hostile guests, hosts to run it on, and those who do.

pub mod file;
pub mod hosts;
pub mod neighbour;
pub mod submitter;
pub mod trial;
