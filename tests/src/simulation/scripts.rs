//! What the ranks of simulated teams do, and whether they come to an end.
//!
//! Each rank receives in one manner, from one rank or any, with one tag or any. So what it waits for is always one of
//! several queues, and whether a team ends does not depend on who is faster: a plain run of its programs tells.

use std::collections::BTreeMap;

use super::random::Random;

/// Tags of messages.
const TAGS: u64 = 3;

/// A step of a task that talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Ask the hub.
    Ask,
    /// Tell of a value.
    Improve(u64),
    /// Send to a rank.
    Send { to: u32, tag: u32, is_large: bool },
    /// Receive from a rank.
    Receive { source: Option<u32>, tag: Option<u32> },
}

/// The programs of a team's ranks. Some teams are to wait for ever.
pub fn programs(seed: u64, size: u32) -> Vec<Vec<Op>> {
    let mut random = Random::new(seed);
    let manners: Vec<(bool, bool)> =
        (0..size).map(|_| (random.chance(50), random.chance(50))).collect();
    let mut programs = vec![Vec::new(); size as usize];
    for _ in 0..random.between(0, 6 * u64::from(size)) {
        let from = random.between(0, u64::from(size) - 1) as u32;
        let to = random.between(0, u64::from(size) - 1) as u32;
        let tag = random.between(1, TAGS) as u32;
        let is_large = random.chance(30);
        programs[from as usize].push(Op::Send { to, tag, is_large });
        let (by_source, by_tag) = manners[to as usize];
        let (source, tag) = (by_source.then_some(from), by_tag.then_some(tag));
        programs[to as usize].push(Op::Receive { source, tag });
    }
    if random.chance(35) {
        // Somebody forgets to send, or sends when it is too late.
        let rank = random.between(0, u64::from(size) - 1) as usize;
        let sends = programs[rank].iter().position(|op| matches!(op, Op::Send { .. }));
        if let Some(place) = sends {
            let send = programs[rank].remove(place);
            if random.chance(50) {
                programs[rank].push(send);
            }
        }
    }
    programs
}

/// Whether all ranks come to their ends.
pub fn ends(programs: &[Vec<Op>]) -> bool {
    let mut queues: BTreeMap<(usize, Option<u32>, Option<u32>), usize> = BTreeMap::new();
    let mut places = vec![0; programs.len()];
    loop {
        let before = places.clone();
        for (rank, program) in programs.iter().enumerate() {
            while let Some(op) = program.get(places[rank]) {
                match *op {
                    Op::Send { to, tag, .. } => {
                        // It counts in each queue that it may be taken from; a receiver looks at one kind alone.
                        for source in [None, Some(rank as u32)] {
                            for tag in [None, Some(tag)] {
                                *queues.entry((to as usize, source, tag)).or_default() += 1;
                            }
                        }
                    }
                    Op::Receive { source, tag } => {
                        let queue = queues.entry((rank, source, tag)).or_default();
                        if *queue == 0 {
                            break;
                        }
                        *queue -= 1;
                    }
                    Op::Ask | Op::Improve(_) => {}
                }
                places[rank] += 1;
            }
        }
        if places == before {
            return programs.iter().zip(&places).all(|(program, place)| program.len() == *place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_teams_end_and_some_do_not() {
        let count = (0..1000).filter(|seed| ends(&programs(*seed, 4))).count();
        assert!((500..900).contains(&count), "{count} of 1000 teams end");
        let receive = Op::Receive { source: Some(0), tag: None };
        assert!(!ends(&[vec![receive]]));
        let send = Op::Send { to: 0, tag: 1, is_large: false };
        assert!(ends(&[vec![send, receive]]) && !ends(&[vec![receive, send]]));
    }
}
