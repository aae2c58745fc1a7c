//! `wasi:clocks`, and `wasi:io/poll`: nothing but time makes a program wait.

use alloc::vec::Vec;

use super::handles::{Resource, trap};
use super::layout::{Layout, give_aligned, words};
use crate::poll::sleep;
use crate::process::{MONOTONIC, REALTIME, time};
use crate::state::with;
use crate::world;

#[unsafe(export_name = "wasi:clocks/monotonic-clock.now")]
extern "C" fn monotonic_now() -> u64 {
    time(MONOTONIC)
}

#[unsafe(export_name = "wasi:clocks/monotonic-clock.resolution")]
extern "C" fn monotonic_resolution() -> u64 {
    1
}

#[unsafe(export_name = "wasi:clocks/monotonic-clock.subscribe-instant")]
extern "C" fn subscribe_instant(when: u64) -> u32 {
    with(|state| state.surely_hold(Resource::Pollable(Some(when))))
}

#[unsafe(export_name = "wasi:clocks/monotonic-clock.subscribe-duration")]
extern "C" fn subscribe_duration(nanoseconds: u64) -> u32 {
    subscribe_instant(time(MONOTONIC).saturating_add(nanoseconds))
}

#[unsafe(export_name = "wasi:clocks/wall-clock.now")]
extern "C" fn wall_now(to: u32) {
    Layout::<16>::new().datetime(0, time(REALTIME)).write(to);
}

#[unsafe(export_name = "wasi:clocks/wall-clock.resolution")]
extern "C" fn wall_resolution(to: u32) {
    Layout::<16>::new().datetime(0, 1).write(to);
}

/// Nanoseconds until a pollable is ready.
fn wait_of(handle: u32) -> u64 {
    let when = with(|state| match state.handles.get(handle) {
        Resource::Pollable(when) => *when,
        _ => trap(),
    });
    when.map_or(0, |when| when.saturating_sub(time(MONOTONIC)))
}

#[unsafe(export_name = "wasi:io/poll.[method]pollable.ready")]
extern "C" fn is_ready(handle: u32) -> u32 {
    u32::from(wait_of(handle) == 0)
}

#[unsafe(export_name = "wasi:io/poll.[method]pollable.block")]
extern "C" fn block(handle: u32) {
    let wait = wait_of(handle);
    if wait > 0 {
        sleep(wait);
    }
}

#[unsafe(export_name = "wasi:io/poll.poll")]
extern "C" fn poll(list: u32, count: u32, to: u32) {
    let Some(bytes) = count.checked_mul(4).filter(|bytes| *bytes > 0) else { trap() };
    let Ok(handles) = world::read(list, bytes) else { trap() };
    let handles = handles.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    let waits: Vec<u64> = handles.map(wait_of).collect();
    let first = waits.iter().copied().min().unwrap_or(0);
    if first > 0 {
        sleep(first);
    }
    let ready = waits.iter().enumerate().filter(|(_, wait)| **wait <= first);
    let ready = words(ready.map(|(index, _)| index as u32));
    Layout::<8>::new().list(0, give_aligned(&ready, 4, ready.len() as u32 / 4)).write(to);
}

#[unsafe(export_name = "wasi:io/poll.[resource-drop]pollable")]
extern "C" fn drop_pollable(handle: u32) {
    with(|state| state.release(handle));
}
