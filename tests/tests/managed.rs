//! Tasks that talk to their managers: what hosts let through, and what the interpreters make of it.

#[path = "hostile/wat.rs"]
#[expect(dead_code, reason = "the tests of hostile guests use more of it")]
mod wat;

mod managed {
    mod native;
    mod python;
    mod world;
}
