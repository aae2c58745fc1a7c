//! From what wasmtime says to what the submitter is told.

use spm_protocol::outcome::CodePoint;
use spm_protocol::{Outcome, TrapCode};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::state::Ended;
use super::stop::Stop;

/// Start of the names that the component tools give to the modules they add around a guest's own.
const SHIM_PREFIX: &str = "wit-component:";

/// What a call that failed means. `raised` is why the flag was raised that the guest looks at, if it was.
pub(super) fn outcome_of(
    error: &wasmtime::Error,
    hit_memory_limit: bool,
    raised: Option<Ended>,
) -> Outcome {
    let polled = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => raised,
        _ => None,
    };
    if let Some(ended) = error.downcast_ref::<Ended>().copied().or(polled) {
        return match ended {
            Ended::Stopped(Stop::Cancelled | Stop::Abandoned) => Outcome::Cancelled,
            Ended::Deadline => Outcome::DeadlineHit(code_points(error)),
            Ended::Violation(code) => Outcome::Trapped(code, code_points(error)),
            Ended::Unreachable => Outcome::HostFault(
                "a message of this task could not be kept here, or fetched from the host that keeps it"
                    .to_owned(),
            ),
            // `run` takes what it said before it asks.
            Ended::Itself => Outcome::HostFault("what the guest ended its task with was lost".to_owned()),
        };
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        if *trap == Trap::OutOfFuel {
            return Outcome::OutOfFuel(code_points(error));
        }
        let Some(code) = trap_code(*trap) else {
            return Outcome::HostFault(format!("unexpected trap: {trap}"));
        };
        return trapped(code, error, hit_memory_limit);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Outcome::HostFault("this host runs as many tasks as it can hold".to_owned());
    }
    if error.is::<wasmtime::OutOfMemory>() || error.is::<std::io::Error>() {
        return Outcome::HostFault(format!("the host is out of memory: {error:#}"));
    }
    if is_too_large(error) {
        // What a guest hands to an import is lifted while it runs, its result once it has returned.
        let points = code_points(error);
        let is_result = points.is_empty();
        let code = if is_result { TrapCode::ResultLimit } else { TrapCode::MessageLimit };
        return Outcome::Trapped(code, points);
    }
    // What is left are breaches of the canonical ABI: pointers, lengths and variants that are none.
    trapped(TrapCode::AbiViolation, error, hit_memory_limit)
}

fn trapped(code: TrapCode, error: &wasmtime::Error, hit_memory_limit: bool) -> Outcome {
    // A guest that could not get memory aborts, or goes on with a pointer that is none.
    let follows_from_memory = matches!(
        code,
        TrapCode::Unreachable | TrapCode::MemoryOutOfBounds | TrapCode::AbiViolation
    );
    if hit_memory_limit && follows_from_memory {
        Outcome::OutOfMemory(code_points(error))
    } else {
        Outcome::Trapped(code, code_points(error))
    }
}

/// Whether a guest's result, or an argument of its call, was not lifted because of its size. Wasmtime has no type for that error.
fn is_too_large(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls")
}

fn trap_code(trap: Trap) -> Option<TrapCode> {
    Some(match trap {
        Trap::StackOverflow => TrapCode::StackExhausted,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::BadSignature => TrapCode::BadIndirectCall,
        Trap::IntegerDivisionByZero => TrapCode::DivideByZero,
        Trap::IntegerOverflow | Trap::BadConversionToInteger => TrapCode::NumericRange,
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::CannotEnterComponent
        | Trap::CannotLeaveComponent
        | Trap::CannotBlockSyncTask
        | Trap::NoAsyncResult
        | Trap::InvalidChar
        | Trap::DebugAssertStringEncodingFinished
        | Trap::DebugAssertEqualCodeUnits
        | Trap::DebugAssertPointerAligned
        | Trap::DebugAssertUpperBitsUnset
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds => TrapCode::AbiViolation,
        // Every interrupt and every use of fuel has a cause that was looked at before.
        Trap::Interrupt | Trap::OutOfFuel => return None,
        _ => TrapCode::OtherTrap,
    })
}

/// The guest's own frames, innermost first.
fn code_points(error: &wasmtime::Error) -> Vec<CodePoint> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    backtrace
        .frames()
        .iter()
        .filter(|frame| !frame.module().name().is_some_and(|name| name.starts_with(SHIM_PREFIX)))
        .map(|frame| {
            // A guest that was stopped on its way into a function is at none of its instructions.
            let offset = frame.func_offset().unwrap_or(0) as u32;
            CodePoint { function: frame.func_index(), offset }
        })
        .collect()
}
