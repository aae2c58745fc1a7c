//! Preview 1's error numbers.

/// Why a call failed, as the program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Errno {
    Badf = 8,
    Exist = 20,
    Ilseq = 25,
    Inval = 28,
    Isdir = 31,
    Mfile = 33,
    Mlink = 34,
    Nametoolong = 37,
    Noent = 44,
    Nospc = 51,
    Nosys = 52,
    Notdir = 54,
    Notempty = 55,
    Notsup = 58,
    Perm = 63,
    Spipe = 70,
}

pub type Fallible<T = ()> = Result<T, Errno>;

/// What a function of preview 1 returns.
pub fn number(result: Fallible) -> i32 {
    match result {
        Ok(()) => 0,
        Err(errno) => errno as i32,
    }
}
