//! How much longer a neighbour's tasks take while a guest of `tests/hostile` does its worst on the same host.
//!
//!     cargo bench -p spm-host --bench hostile_neighbours -- [RESULTS.json] [PART OF A NAME]
//!
//! A neighbour runs tasks of 0.2 ms one after the other. Its delay is what the slowest of them took longer than usual.
//! What else the machine does only adds to that, so each guest has several tries, and the least of their delays counts:
//! what a guest can do to its neighbour it does each time. `nothing` is a guest that does no harm.

#[path = "../tests/corpus/mod.rs"]
#[expect(dead_code, reason = "the test of the corpus needs more of it")]
mod corpus;

use std::time::Duration;

use corpus::file::{CorpusFile, corpus};
use corpus::hosts::TestHost;
use corpus::neighbour::{Neighbour, honest};
use corpus::trial::try_file;

const TRIES: usize = 7;
/// What hosts are held to.
const DELAY_MAX: Duration = Duration::from_millis(20);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (results, part) = (arguments.next(), arguments.next().unwrap_or_default());
    let nothing = CorpusFile { name: "nothing".to_owned(), arguments: vec![1; 8], ..honest() };
    let files: Vec<_> = std::iter::once(nothing)
        .chain(corpus().into_iter().filter(|file| file.patience_s.is_none()))
        .filter(|file| file.name.contains(&part))
        .collect();
    let mut measured = serde_json::Map::new();
    for host in [TestHost::in_process(), TestHost::process()] {
        let delays = measure(&host, &files);
        measured.insert(host.name.to_owned(), delays);
    }
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let report = serde_json::json!({
        "what": "least of the delays of a neighbour's slowest task, in ms",
        "tries": TRIES,
        "processors": processors,
        "hosts": measured,
    });
    if let Some(path) = results {
        let text = serde_json::to_string_pretty(&report).expect("it is data");
        std::fs::write(path, text + "\n").expect("the results can be written");
    }
}

/// The delay of each file, in milliseconds.
fn measure(host: &TestHost, files: &[CorpusFile]) -> serde_json::Value {
    let mut neighbour = Neighbour::new(host);
    let mut delays = Vec::new();
    for file in files {
        let mut least = Duration::MAX;
        for _ in 0..TRIES {
            let (next, tried) = try_file(host, file, neighbour);
            neighbour = next;
            assert!(tried.wrong.is_empty(), "{}: {:?}", file.name, tried.wrong);
            least = least.min(tried.delay);
        }
        delays.push((least, file.name.clone()));
    }
    let over = delays.iter().filter(|(delay, _)| *delay > DELAY_MAX).count();
    let mut slowest = delays.clone();
    slowest.sort_by(|left, right| right.cmp(left));
    println!("{}: {} guests, {over} of them over {DELAY_MAX:?}", host.name, files.len());
    for (delay, name) in slowest.iter().take(8) {
        println!("  {delay:9.2?}  {name}");
    }
    let in_ms = |delay: Duration| (delay.as_secs_f64() * 1e5).round() / 100.0;
    delays
        .into_iter()
        .map(|(delay, name)| (name, in_ms(delay).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
