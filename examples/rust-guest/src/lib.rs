//! A closure in Rust: `examples/rust_guest.py` runs it.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use spm_guest::{Exception, Result};

/// What is known of a sample.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Stats {
    label: String,
    count: u64,
    mean: f64,
    median: f64,
    deviation: Option<f64>,
}

/// Describe a sample of numbers.
///
/// Without numbers there is nothing to describe, which is a ValueError.
#[spm_guest::closure]
fn stats(label: String, xs: Vec<f64>) -> Result<Stats> {
    if xs.is_empty() {
        return Err(Exception::value_error(format!("no numbers in `{label}`"))
            .with_note("a sample has one number at least"));
    }
    let mut sorted = xs;
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let squares = sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    let middle = sorted.len() / 2;
    let median = match sorted.len() % 2 {
        1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    };
    Ok(Stats {
        label,
        count: sorted.len() as u64,
        mean,
        median,
        deviation: (count > 1.0).then(|| (squares / (count - 1.0)).sqrt()),
    })
}
