//! Every file of `tests/hostile`, on a host in this process and on a real `spm-host`: its task ends as the file says, the
//! host and the session go on, a neighbour's tasks are right and not held up, and nothing is left behind.

mod corpus;

use std::time::Duration;

use corpus::file::{CorpusFile, corpus};
use corpus::hosts::TestHost;
use corpus::neighbour::{Neighbour, honest};
use corpus::trial::try_file;

/// What a neighbour may be held up here. The figure that hosts are held to is far less, and `cargo bench --bench
/// hostile_neighbours` measures it; a machine that runs other tests, too, shows more.
const DELAY_MAX: Duration = Duration::from_millis(500);
/// How often a file is tried if a neighbour was held up. What a guest can do to it, it does each time.
const TRIES: usize = 4;
/// What a host's own memory may have grown by after all of it, allocators' caches included.
const GROWTH_MIB_MAX: u64 = 512;

/// Tries files, all of them or those that the variable `HOSTILE` is a part of the names of.
fn check(host: &TestHost, files: &[CorpusFile]) {
    let only = std::env::var("HOSTILE").ok();
    let mut wrong = Vec::new();
    let mut neighbour = Neighbour::new(host);
    let before_mib = host.memory_mib();
    for file in files {
        if only.as_ref().is_some_and(|only| !file.name.contains(only.as_str())) {
            continue;
        }
        for attempt in 1..=TRIES {
            let (next, tried) = try_file(host, file, neighbour);
            neighbour = next;
            if tried.delay > DELAY_MAX && tried.wrong.is_empty() && attempt < TRIES {
                continue;
            }
            wrong.extend(tried.wrong.into_iter().map(|wrong| format!("{}: {wrong}", file.name)));
            if tried.delay > DELAY_MAX {
                wrong.push(format!("{}: its neighbour waited {:?}", file.name, tried.delay));
            }
            break;
        }
    }
    let grown_mib = host.memory_mib().saturating_sub(before_mib);
    if grown_mib > GROWTH_MIB_MAX {
        wrong.push(format!("the host holds {grown_mib} MiB more than before"));
    }
    assert!(wrong.is_empty(), "{}:\n{}", host.name, wrong.join("\n"));
}

fn split() -> (Vec<CorpusFile>, Vec<CorpusFile>) {
    corpus().into_iter().partition(|file| file.patience_s.is_none())
}

#[test]
fn every_guest_ends_as_its_file_says_in_process() {
    check(&TestHost::in_process(), &split().0);
}

#[test]
fn every_guest_ends_as_its_file_says_in_a_host_process() {
    check(&TestHost::process(), &split().0);
}

#[test]
fn what_takes_too_much_to_compile_is_refused() {
    for file in split().1 {
        let patience = Duration::from_secs(file.patience_s.expect("it has"));
        check(&TestHost::impatient(patience), &[file]);
    }
}

#[test]
fn what_takes_long_to_compile_holds_up_nobody_elses_closure() {
    let host = TestHost::impatient(Duration::from_mins(10));
    let files = split().1;
    let mut slow: Vec<_> = files
        .iter()
        .map(|file| {
            let mut submitter = host.session();
            submitter.begin_to_define(file);
            submitter
        })
        .collect();
    // One compilation at a time is this host's share, and there are two that take a minute or more.
    assert!(slow.len() >= 2);
    let mut quick = host.session();
    quick.define(&honest()).expect("it is taken");
    assert!(quick.run(&honest()).is_ok());
    for submitter in &mut slow {
        // Nothing was said to it yet, or this would not be what it hears.
        submitter.conclude();
    }
}
