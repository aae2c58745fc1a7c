//! What a program is told of itself, time and chance, and what there is not.

use alloc::vec::Vec;

use crate::call::exit;
use crate::errno::Errno;
use crate::state::with;
use crate::world;

pub const REALTIME: u32 = 0;
pub const MONOTONIC: u32 = 1;
const CLOCKS: u32 = 4;

/// Writes strings one after the other, each with a zero at its end, and where each begins.
fn write_strings(strings: &[Vec<u8>], mut places: u32, mut text: u32) -> i32 {
    for string in strings {
        world::write_u32(places, text);
        world::write(text, string);
        world::write(text.wrapping_add(string.len() as u32), &[0]);
        places = places.wrapping_add(4);
        text = text.wrapping_add(string.len() as u32 + 1);
    }
    0
}

fn write_sizes(strings: &[Vec<u8>], count: u32, bytes: u32) -> i32 {
    world::write_u32(count, strings.len() as u32);
    world::write_u32(bytes, strings.iter().map(|string| string.len() as u32 + 1).sum());
    0
}

pub fn arguments() -> Vec<Vec<u8>> {
    with(|state| {
        let mut all = Vec::with_capacity(state.args.len() + 1);
        all.push(state.name.clone());
        all.extend_from_slice(&state.args);
        all
    })
}

#[unsafe(export_name = "wasi_snapshot_preview1.args_get")]
extern "C" fn args_get(places: u32, text: u32) -> i32 {
    write_strings(&arguments(), places, text)
}

#[unsafe(export_name = "wasi_snapshot_preview1.args_sizes_get")]
extern "C" fn args_sizes_get(count: u32, bytes: u32) -> i32 {
    write_sizes(&arguments(), count, bytes)
}

#[unsafe(export_name = "wasi_snapshot_preview1.environ_get")]
extern "C" fn environ_get(places: u32, text: u32) -> i32 {
    with(|state| write_strings(&state.env, places, text))
}

#[unsafe(export_name = "wasi_snapshot_preview1.environ_sizes_get")]
extern "C" fn environ_sizes_get(count: u32, bytes: u32) -> i32 {
    with(|state| write_sizes(&state.env, count, bytes))
}

/// What a clock shows: the time of day, or, for all others, how long it runs.
pub fn time(clock: u32) -> u64 {
    let host = if clock == REALTIME { world::unix_ns() } else { world::monotonic_ns() };
    host.wrapping_add(with(|state| state.ahead_ns))
}

#[unsafe(export_name = "wasi_snapshot_preview1.clock_time_get")]
extern "C" fn clock_time_get(clock: u32, _: u64, to: u32) -> i32 {
    if clock >= CLOCKS {
        return Errno::Inval as i32;
    }
    world::write_u64(to, time(clock));
    0
}

#[unsafe(export_name = "wasi_snapshot_preview1.clock_res_get")]
extern "C" fn clock_res_get(clock: u32, to: u32) -> i32 {
    if clock >= CLOCKS {
        return Errno::Inval as i32;
    }
    world::write_u64(to, 1);
    0
}

#[unsafe(export_name = "wasi_snapshot_preview1.random_get")]
extern "C" fn random_get(to: u32, length: u32) -> i32 {
    let mut at = to;
    let mut left = length;
    while left > 0 {
        let piece = left.min(8);
        world::write(at, &world::random().to_le_bytes()[..piece as usize]);
        at = at.wrapping_add(piece);
        left -= piece;
    }
    0
}

#[unsafe(export_name = "wasi_snapshot_preview1.proc_exit")]
extern "C" fn proc_exit(status: u32) {
    exit(status)
}

#[unsafe(export_name = "wasi_snapshot_preview1.proc_raise")]
extern "C" fn proc_raise(_: u32) -> i32 {
    Errno::Nosys as i32
}

#[unsafe(export_name = "wasi_snapshot_preview1.sched_yield")]
extern "C" fn sched_yield() -> i32 {
    0
}

// There are no sockets.

#[unsafe(export_name = "wasi_snapshot_preview1.sock_accept")]
extern "C" fn sock_accept(_: u32, _: u32, _: u32) -> i32 {
    Errno::Nosys as i32
}

#[unsafe(export_name = "wasi_snapshot_preview1.sock_recv")]
extern "C" fn sock_recv(_: u32, _: u32, _: u32, _: u32, _: u32, _: u32) -> i32 {
    Errno::Nosys as i32
}

#[unsafe(export_name = "wasi_snapshot_preview1.sock_send")]
extern "C" fn sock_send(_: u32, _: u32, _: u32, _: u32, _: u32) -> i32 {
    Errno::Nosys as i32
}

#[unsafe(export_name = "wasi_snapshot_preview1.sock_shutdown")]
extern "C" fn sock_shutdown(_: u32, _: u32) -> i32 {
    Errno::Nosys as i32
}
