//! What a task knows of itself, and how it waits: the import `task`.

use crate::raise::{fail, overflow, value_error};
use crate::shared::class;
use crate::state::{ret_int, status};

const NANOSECONDS: i64 = 1_000_000_000;

#[link(wasm_import_module = "spm:closure/task@0.1.0")]
unsafe extern "C" {
    #[link_name = "index"]
    safe fn host_index() -> u64;
    #[link_name = "attempt"]
    safe fn host_attempt() -> u32;
    #[link_name = "seed"]
    pub safe fn host_seed() -> u64;
    #[link_name = "sleep"]
    safe fn host_sleep(nanoseconds: u64);
}

/// `spm.task.index`.
#[unsafe(no_mangle)]
pub extern "C" fn task_index() -> i64 {
    host_index() as i64
}

/// `spm.task.attempt`.
#[unsafe(no_mangle)]
pub extern "C" fn task_attempt() -> i64 {
    i64::from(host_attempt())
}

/// `spm.task.seed`.
#[unsafe(no_mangle)]
pub extern "C" fn task_seed() -> i32 {
    let seed = host_seed();
    ret_int(if seed > i64::MAX as u64 { overflow() } else { Some(seed as i64) })
}

fn sleep(nanoseconds: i64) -> Option<()> {
    if nanoseconds < 0 {
        return value_error(b"sleep length must be non-negative");
    }
    host_sleep(nanoseconds as u64);
    Some(())
}

/// `time.sleep(seconds)` of an int.
#[unsafe(no_mangle)]
pub extern "C" fn sleep_int(seconds: i64) -> i32 {
    status(match seconds.checked_mul(NANOSECONDS) {
        Some(nanoseconds) => sleep(nanoseconds),
        None => fail(class::OVERFLOW_ERROR, b"timestamp too large to convert to C _PyTime_t"),
    })
}

/// Whole nanoseconds, rounded away from zero; none beyond 64 bits.
fn rounded(seconds: f64) -> Option<i64> {
    let exact = seconds * NANOSECONDS as f64;
    let whole = if exact < 0.0 { libm::floor(exact) } else { libm::ceil(exact) };
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole);
    fits.then_some(whole as i64)
}

/// `time.sleep(seconds)` of a float.
#[unsafe(no_mangle)]
pub extern "C" fn sleep_float(seconds: f64) -> i32 {
    if seconds.is_nan() {
        return status(value_error(b"Invalid value NaN (not a number)"));
    }
    status(match rounded(seconds) {
        Some(nanoseconds) => sleep(nanoseconds),
        None => fail(class::OVERFLOW_ERROR, b"timestamp out of range for platform time_t"),
    })
}

/// `asyncio.sleep(seconds)`: what is not positive is over at once, what is too long never.
#[unsafe(no_mangle)]
pub extern "C" fn sleep_async(seconds: f64) -> i32 {
    if seconds.is_nan() {
        return status(value_error(b"Invalid delay: NaN (not a number)"));
    }
    if seconds > 0.0 {
        host_sleep(rounded(seconds).unwrap_or(i64::MAX) as u64);
    }
    status(Some(()))
}
