//! The runtime's state, at fixed addresses at the start of memory, all zero at first.

use crate::mem::{load, store};
use crate::shared::cell;

const HEAP_START: u32 = cell::HEAP_START;
/// First of the messages that came before anybody waited for them.
pub const KEPT: Cell = Cell(cell::KEPT);
/// State of the random numbers; 0 before the first.
pub const RANDOM: Cell = Cell(cell::RANDOM);
/// First address never handed out.
pub const BUMP: Cell = Cell(HEAP_START + 4);
/// End of memory.
pub const LIMIT: Cell = Cell(HEAP_START + 8);
/// Class of the pending exception.
pub const CLASS: Cell = Cell(HEAP_START + 12);
/// Trap code, if what is pending is no exception; else 0.
pub const TRAP: Cell = Cell(HEAP_START + 16);
/// The exception's arguments as CBOR: address and length.
pub const ARGS: Cell = Cell(HEAP_START + 20);
/// Length of [`ARGS`].
pub const ARGS_LENGTH: Cell = Cell(HEAP_START + 24);
/// Site numbers of the traceback: address of [`crate::raise::FRAMES_MAX`] words.
pub const FRAMES: Cell = Cell(HEAP_START + 28);
/// How many frames there were, also those left out.
pub const FRAME_COUNT: Cell = Cell(HEAP_START + 32);
/// Where the decoder reads next.
pub const INPUT: Cell = Cell(HEAP_START + 36);
/// Where the decoder's input ends.
pub const INPUT_END: Cell = Cell(HEAP_START + 40);
/// The result record of the canonical ABI: discriminant, address, length.
pub const OUTCOME: Cell = Cell(cell::OUTCOME);
/// Address of the last result's bytes.
pub const OUTCOME_BYTES: Cell = Cell(HEAP_START + 48);
/// Length of the last result's bytes.
pub const OUTCOME_LENGTH: Cell = Cell(HEAP_START + 52);
/// Allocated bytes at [`OUTCOME_BYTES`].
pub const OUTCOME_CAPACITY: Cell = Cell(HEAP_START + 56);
/// Text to print: address, length, allocated.
pub const PRINT: Cell = Cell(HEAP_START + 60);
/// Length of [`PRINT`].
pub const PRINT_LENGTH: Cell = Cell(HEAP_START + 64);
/// Allocated bytes at [`PRINT`].
pub const PRINT_CAPACITY: Cell = Cell(HEAP_START + 68);
/// Heads of the allocator's free lists.
pub const FREE: u32 = HEAP_START + 72;
/// Texts of one ASCII character.
pub const LETTERS: Cell = Cell(cell::LETTERS);
/// The exception that a handler handles, which holds a reference to it; 0 if none does.
pub const HANDLED: Cell = Cell(cell::HANDLED);
/// Context of the pending exception: a reference of its own.
pub const CONTEXT: Cell = Cell(cell::HANDLED + 4);
/// What is pending, if it was raised before: a reference of its own.
pub const AGAIN: Cell = Cell(cell::HANDLED + 8);
/// What is unusual about what is pending: flags of [`crate::exception`].
pub const UNUSUAL: Cell = Cell(cell::HANDLED + 12);
/// Allocated bytes at [`ARGS`].
pub const ARGS_CAPACITY: Cell = Cell(cell::HANDLED + 16);
/// How many free lists there are.
pub const FREE_LISTS: u32 = 104;

/// First of the objects that nobody refers to any more, and that are not freed yet.
pub const DEAD: Cell = Cell(cell::OBJECTS);
/// Whether they are being freed.
pub const FREEING: Cell = Cell(cell::OBJECTS + 4);
/// How many objects within one another the runtime is looking at.
pub const NESTED: Cell = Cell(cell::OBJECTS + 8);

const _: () = assert!(cell::OUTCOME == HEAP_START + 44);
const _: () = assert!(FREE + FREE_LISTS * 4 <= cell::OBJECTS);

/// A word of the state.
#[derive(Clone, Copy)]
pub struct Cell(u32);

impl Cell {
    /// Its value.
    #[inline(always)]
    pub fn get(self) -> u32 {
        load(self.0)
    }

    /// Changes it.
    #[inline(always)]
    pub fn set(self, value: u32) {
        store(self.0, value);
    }

    /// Its address.
    #[inline(always)]
    pub fn address(self) -> u32 {
        self.0
    }
}

/// Where the linker let the heap begin.
#[inline(always)]
pub fn heap_start() -> u32 {
    load(HEAP_START)
}

/// Leaves an int, or any slot, for the caller.
#[inline(always)]
pub fn ret_u64(value: Option<u64>) -> i32 {
    match value {
        Some(value) => {
            store(cell::RET, value);
            0
        }
        None => 1,
    }
}

/// Leaves an int for the caller.
#[inline(always)]
pub fn ret_int(value: Option<i64>) -> i32 {
    match value {
        Some(value) => {
            store(cell::RET, value);
            0
        }
        None => 1,
    }
}

/// Leaves a float for the caller.
#[inline(always)]
pub fn ret_float(value: Option<f64>) -> i32 {
    match value {
        Some(value) => {
            store(cell::RET, value);
            0
        }
        None => 1,
    }
}

/// The status of an operation without result.
#[inline(always)]
pub fn status(done: Option<()>) -> i32 {
    done.is_none() as i32
}

/// A truth value or -1.
#[inline(always)]
pub fn truth(value: Option<bool>) -> i32 {
    match value {
        Some(value) => value as i32,
        None => -1,
    }
}
