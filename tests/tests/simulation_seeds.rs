//! Thousands of seeds of the simulation: whatever goes wrong, the promises are kept. And worlds in which they
//! cannot be kept, which must be noticed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use spm_tests::simulation::{Mutation, Report, Violation, simulate};

/// Seeds that are always run. `SPM_SIMULATION_SEED` runs one more time the seed that a failure names.
const SEEDS: u64 = 4_000;
/// Seeds after which a mutation must have been noticed.
const MUTATION_SEEDS: u64 = 400;

#[test]
fn promises_hold_whatever_goes_wrong() {
    if let Ok(seed) = std::env::var("SPM_SIMULATION_SEED") {
        let seed = seed.parse().expect("`SPM_SIMULATION_SEED` is a number");
        println!("{:?}", simulate(seed, None).unwrap_or_else(|violation| panic!("{violation}")));
        return;
    }
    let total = all_seeds();
    // The simulation would prove nothing if nothing happened in it.
    assert_eq!(total.submitted, total.completed);
    assert!(total.submitted > 50 * SEEDS, "few tasks: {total:?}");
    assert!(total.returned * 2 > total.submitted, "few results: {total:?}");
    assert!(total.lost > SEEDS, "few losses: {total:?}");
    assert!(total.taken_back > SEEDS, "few tasks taken back: {total:?}");
    assert!(total.points > SEEDS, "few points: {total:?}");
    assert!(total.deopts > 5 * SEEDS, "few deopts: {total:?}");
    assert!(total.unbacked > SEEDS / 10, "few without a fallback: {total:?}");
    assert!(total.answered > SEEDS, "few answers: {total:?}");
    assert!(total.grown > SEEDS, "few tasks made tasks: {total:?}");
    assert!(total.remade > SEEDS / 40, "few results were lost: {total:?}");
    assert!(total.teams_returned > SEEDS / 10, "few teams returned: {total:?}");
    assert!(total.deadlocks > SEEDS / 20, "few teams waited for ever: {total:?}");
    assert!(total.fetched > SEEDS, "little was fetched from other hosts: {total:?}");
    assert!(total.settled > SEEDS / 20, "few runs were looked at: {total:?}");
}

fn all_seeds() -> Report {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Result<Report, Violation>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut total = Report::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= SEEDS {
                            return Ok(total);
                        }
                        let report = simulate(seed, None)?;
                        total = sum(&total, &report);
                    }
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a simulation panicked")).collect()
    });
    let mut total = Report::default();
    for result in results {
        match result {
            Ok(report) => total = sum(&total, &report),
            Err(violation) => {
                panic!("{violation}; reproduce with `SPM_SIMULATION_SEED={}`", violation.seed)
            }
        }
    }
    total
}

fn sum(one: &Report, other: &Report) -> Report {
    Report {
        events: one.events + other.events,
        points: one.points + other.points,
        submitted: one.submitted + other.submitted,
        completed: one.completed + other.completed,
        returned: one.returned + other.returned,
        lost: one.lost + other.lost,
        taken_back: one.taken_back + other.taken_back,
        deopts: one.deopts + other.deopts,
        unbacked: one.unbacked + other.unbacked,
        answered: one.answered + other.answered,
        grown: one.grown + other.grown,
        remade: one.remade + other.remade,
        teams: one.teams + other.teams,
        teams_returned: one.teams_returned + other.teams_returned,
        deadlocks: one.deadlocks + other.deadlocks,
        fetched: one.fetched + other.fetched,
        settled: one.settled + other.settled,
    }
}

#[test]
fn a_seed_is_reproducible() {
    for seed in 0..20 {
        assert_eq!(simulate(seed, None), simulate(seed, None));
    }
}

/// What is noticed first when the world is broken like this.
fn first_violation(mutation: Mutation) -> String {
    let violation = (0..MUTATION_SEEDS).find_map(|seed| simulate(seed, Some(mutation)).err());
    violation.unwrap_or_else(|| panic!("nothing notices {mutation:?}")).what
}

#[test]
fn slow_clocks_are_noticed_as_overrun_leases() {
    let what = first_violation(Mutation::ClocksTooSlow);
    // A host that works on is found by its lease, or by the next point if that comes first.
    assert!(what.contains("lease was over") || what.contains("still has work of"), "{what}");
}

#[test]
fn clocks_that_stop_are_noticed_as_overrun_leases() {
    let what = first_violation(Mutation::ClocksStopWhileSuspended);
    assert!(what.contains("lease was over"), "{what}");
}

#[test]
fn false_conclusions_are_noticed() {
    let what = first_violation(Mutation::ConclusionsLie);
    assert!(what.contains("has work of"), "{what}");
}

#[test]
fn results_and_messages_kept_after_a_conclusion_are_noticed() {
    let what = first_violation(Mutation::KeptForEver);
    assert!(what.contains("has work of"), "{what}");
}

#[test]
fn results_and_messages_that_nobody_frees_are_noticed() {
    let what = first_violation(Mutation::NothingFreed);
    assert!(what.contains("keeps what nobody needs"), "{what}");
}

#[test]
fn lost_messages_are_noticed() {
    let what = first_violation(Mutation::MessagesVanish);
    let is_noticed = ["a deadlock where there is none", "of another team", "it hangs"];
    assert!(is_noticed.iter().any(|it| what.contains(it)), "{what}");
}

#[test]
fn tasks_given_back_and_kept_are_noticed() {
    let what = first_violation(Mutation::RecallsLie);
    assert!(what.contains("and keeps it"), "{what}");
}

#[test]
fn vanished_tasks_are_noticed() {
    let what = first_violation(Mutation::TasksVanish);
    assert!(what.contains("it hangs"), "{what}");
}

#[test]
fn a_forgotten_fallback_is_noticed() {
    let what = first_violation(Mutation::FallbackForgotten);
    assert!(what.contains("that was the end of it"), "{what}");
}

#[test]
fn tasks_that_leave_the_fallback_as_well_are_noticed() {
    let what = first_violation(Mutation::FallbacksIgnored);
    assert!(what.contains("result of another") || what.contains("the end of it"), "{what}");
}

#[test]
fn an_attempt_less_is_noticed() {
    let what = first_violation(Mutation::OneRetryLess);
    assert!(what.contains("attempts of"), "{what}");
}
