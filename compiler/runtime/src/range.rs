//! Indices and slices, normalised as Python does.

use crate::raise::fail_common;
use crate::shared::{common, given};

/// Position of an index that may count from the end.
#[inline]
pub fn position(index: i64, length: u32) -> Option<u32> {
    let length = i64::from(length);
    let at = if index < 0 { index.wrapping_add(length) } else { index };
    if at < 0 || at >= length { None } else { Some(at as u32) }
}

/// A slice of a sequence: `count` positions from `start` by `step`.
pub struct Span {
    /// First position.
    pub start: i64,
    /// Step, not 0.
    pub step: i64,
    /// How many.
    pub count: u32,
}

/// Bounds a value from both sides.
#[inline]
pub fn clamp(value: i64, low: i64, high: i64) -> i64 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// A bound, counted from the end if negative, brought within `low..=high`.
fn bound(value: i64, length: i64, low: i64, high: i64) -> i64 {
    clamp(if value < 0 { value.saturating_add(length) } else { value }, low, high)
}

/// `slice(start, stop, step).indices(length)`.
pub fn span(length: u32, start: i64, stop: i64, step: i64, given: u32) -> Option<Span> {
    let length = i64::from(length);
    let step = if given & given::STEP == 0 { 1 } else { step };
    if step == 0 {
        return fail_common(common::SLICE_STEP);
    }
    let has = |which: u32| given & which != 0;
    if step > 0 {
        let start = if has(given::START) { bound(start, length, 0, length) } else { 0 };
        let stop = if has(given::STOP) { bound(stop, length, 0, length) } else { length };
        let count = if start < stop { (stop - start - 1) / step + 1 } else { 0 };
        return Some(Span { start, step, count: count as u32 });
    }
    let start = if has(given::START) { bound(start, length, -1, length - 1) } else { length - 1 };
    let stop = if has(given::STOP) { bound(stop, length, -1, length - 1) } else { -1 };
    // -(2**63) has no negation; any step that large takes one element at most.
    let size = step.checked_neg().unwrap_or(i64::MAX);
    let count = if stop < start { (start - stop - 1) / size + 1 } else { 0 };
    Some(Span { start, step, count: count as u32 })
}

/// Start and stop of a search, within the length; the start may be beyond the stop.
pub fn search_bounds(length: u32, start: i64, stop: i64, given: u32) -> (i64, i64) {
    let length = i64::from(length);
    let from = if given & given::START == 0 {
        0
    } else {
        let start = if start < 0 { start.saturating_add(length) } else { start };
        if start < 0 { 0 } else { start }
    };
    let to = if given & given::STOP == 0 { length } else { bound(stop, length, 0, length) };
    (from, to)
}
