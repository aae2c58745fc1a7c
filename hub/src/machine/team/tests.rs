//! Who gets which message, and when ranks wait for ever.

use super::*;

fn team(size: u64) -> Team {
    Team::new((0..size).map(TaskId))
}

#[test]
fn a_team_that_has_not_begun_does_not_wait() {
    assert_eq!(team(2).deadlock(), None);
}
