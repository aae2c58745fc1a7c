//! One file of the corpus on one host, with a neighbour at work.

use std::time::{Duration, Instant};

use spm_protocol::frame::{Refusal, TaskResult};
use spm_protocol::raised::Raised;
use spm_protocol::{Outcome, Payload, value};

use super::file::CorpusFile;
use super::hosts::{Holding, TestHost};
use super::neighbour::{Neighbour, honest};
use super::submitter::Submitter;

/// How long a host may take to have nothing of a session any more, once that is over.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// What became of a trial.
pub struct Tried {
    /// How much longer the neighbour's slowest task took.
    pub delay: Duration,
    /// What was not as the file says.
    pub wrong: Vec<String>,
}

/// Runs a guest to its end; then has the same session, and the neighbour's, run an honest one.
pub fn try_file(host: &TestHost, file: &CorpusFile, neighbour: Neighbour) -> (Neighbour, Tried) {
    let working = neighbour.work();
    let mut wrong = Vec::new();
    let mut submitter = host.session();
    if let Err(refusals) = submitter.define(file) {
        check_refusals(file, &refusals, &mut wrong);
    } else {
        let ended = submitter.run(file);
        check_results(file, host, &submitter, ended, &mut wrong);
        submitter.conclude();
    }
    let honest = honest();
    submitter.define(&honest).expect("the host takes an honest closure after it");
    let result = submitter.run(&honest).expect("the session goes on");
    assert!(matches!(result[0].outcome, Outcome::Returned(_)), "{}: {result:?}", file.name);
    submitter.conclude();
    drop(submitter);
    let (neighbour, delay) = working.end();
    let nothing = Holding { running: 0, queued: 0, sessions: 1 };
    let begun = Instant::now();
    // The host finds out that the session is over when it next looks at its stream.
    while host.holding() != nothing {
        if begun.elapsed() > SETTLED_WITHIN {
            wrong.push(format!("left behind: {:?}", host.holding()));
            break;
        }
    }
    (neighbour, Tried { delay, wrong })
}

fn check_refusals(file: &CorpusFile, refusals: &[Refusal], wrong: &mut Vec<String>) {
    let Some(expected) = file.outcome.strip_prefix("refused ") else {
        wrong.push(format!("refused: {refusals:?}"));
        return;
    };
    for Refusal { reason, .. } in refusals {
        if !reason.contains(expected) {
            wrong.push(format!("refused for another reason: {reason}"));
        }
        if reason.contains(char::is_control) {
            wrong.push(format!("a reason that no terminal should show: {reason:?}"));
        }
    }
}

fn check_results(
    file: &CorpusFile,
    host: &TestHost,
    submitter: &Submitter,
    ended: Result<Vec<TaskResult>, String>,
    wrong: &mut Vec<String>,
) {
    let results = match ended {
        Ok(results) => results,
        Err(reason) => {
            wrong.push(format!("the session ended: {reason}"));
            return;
        }
    };
    for TaskResult { outcome, .. } in results {
        let name = name_of(&outcome);
        if name != file.outcome {
            wrong.push(format!("{name}, not {}: {outcome:?}", file.outcome));
        }
        let content = |payload: &Payload| submitter.fetched(payload, &host.runtime);
        let (said, expected) = match &outcome {
            Outcome::Returned(payload) => {
                (value::decode(&content(payload)).err().map(|error| error.to_string()), &file.value)
            }
            Outcome::Raised(payload) => {
                let read = Raised::from_bytes(&content(payload));
                (read.err().map(|error| error.to_string()), &file.record)
            }
            _ => continue,
        };
        let said = said.as_deref().unwrap_or("fine");
        if let Some(expected) = expected
            && !said.contains(expected.as_str())
        {
            wrong.push(format!("reading it says `{said}`, not `{expected}`"));
        }
    }
}

/// An outcome as files name it.
fn name_of(outcome: &Outcome) -> String {
    let name = match outcome {
        Outcome::Trapped(code, _) => {
            let words = format!("{code:?}").chars().fold(String::new(), |mut words, letter| {
                if letter.is_uppercase() && !words.is_empty() {
                    words.push('-');
                }
                words.push(letter.to_ascii_lowercase());
                words
            });
            return format!("trapped {words}");
        }
        Outcome::HostFault(reason) => return format!("host-fault {reason}"),
        Outcome::Refused(reason) => return format!("refused {reason}"),
        Outcome::Unprepared(reason) => return format!("unprepared {reason}"),
        Outcome::Returned(_) => "returned",
        Outcome::Raised(_) => "raised",
        Outcome::OutOfFuel(_) => "out-of-fuel",
        Outcome::OutOfMemory(_) => "out-of-memory",
        Outcome::DeadlineHit(_) => "deadline",
        Outcome::Cancelled => "cancelled",
        Outcome::Kept(_) => "kept",
        Outcome::Grown(_) => "grown",
    };
    name.to_owned()
}
