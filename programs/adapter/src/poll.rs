//! Waiting: `poll_oneoff`. Files never make anybody wait, so what it is for is sleep.

use alloc::vec::Vec;

use crate::errno::Errno;
use crate::process::time;
use crate::state::with;
use crate::world;

const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;
const CLOCK: u8 = 0;
const IS_ABSOLUTE: u8 = 1;

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// What happened to what a subscription is about.
fn event(subscription: &[u8], error: u16) -> [u8; EVENT_BYTES] {
    let mut event = [0; EVENT_BYTES];
    event[..8].copy_from_slice(&subscription[..8]);
    event[8..10].copy_from_slice(&error.to_le_bytes());
    event[10] = subscription[8];
    event
}

/// Nanoseconds until a clock's time has come.
fn wait_of(subscription: &[u8]) -> u64 {
    let timeout = word(subscription, 24);
    if subscription[40] & IS_ABSOLUTE == 0 {
        timeout
    } else {
        timeout.saturating_sub(time(word(subscription, 16) as u32))
    }
}

/// Waits, and lets clocks show it that do not by themselves.
pub fn sleep(nanoseconds: u64) {
    let before = world::monotonic_ns();
    world::sleep(nanoseconds);
    let shown = world::monotonic_ns().saturating_sub(before);
    let missing = nanoseconds.saturating_sub(shown);
    with(|state| state.ahead_ns = state.ahead_ns.saturating_add(missing));
}

#[unsafe(export_name = "wasi_snapshot_preview1.poll_oneoff")]
extern "C" fn poll_oneoff(from: u32, to: u32, count: u32, happened: u32) -> i32 {
    let Some(bytes) = count.checked_mul(SUBSCRIPTION_BYTES as u32).filter(|bytes| *bytes > 0)
    else {
        return Errno::Inval as i32;
    };
    let subscriptions = match world::read(from, bytes) {
        Ok(subscriptions) => subscriptions,
        Err(errno) => return errno as i32,
    };
    let all = subscriptions.chunks_exact(SUBSCRIPTION_BYTES);
    // What is ready at once.
    let mut events: Vec<[u8; EVENT_BYTES]> = all
        .clone()
        .filter(|subscription| subscription[8] != CLOCK)
        .map(|subscription| {
            let file = word(subscription, 16) as u32;
            let error = with(|state| state.descriptor(file).err().map_or(0, |errno| errno as u16));
            event(subscription, error)
        })
        .collect();
    if events.is_empty() {
        let waits: Vec<u64> = all.clone().map(wait_of).collect();
        let first = waits.iter().copied().min().unwrap_or(0);
        sleep(first);
        let due = all.zip(waits).filter(|(_, wait)| *wait <= first);
        events.extend(due.map(|(subscription, _)| event(subscription, 0)));
    }
    for (number, event) in events.iter().enumerate() {
        world::write(to.wrapping_add((number * EVENT_BYTES) as u32), event);
    }
    world::write_u32(happened, events.len() as u32);
    0
}
