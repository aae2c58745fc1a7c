//! Output: it reappears on the submitter's `sys.stdout`.

use std::fmt::{Arguments, Write};

use crate::imports;

/// Prints a text as it is.
pub fn print(text: &str) {
    imports::print(text.as_bytes());
}

/// What the macros write.
#[doc(hidden)]
pub fn print_formatted(arguments: Arguments<'_>, end: &str) {
    let mut text = String::new();
    // Of texts that cannot be formatted, what could be is printed.
    let _ = text.write_fmt(arguments);
    text.push_str(end);
    print(&text);
}

/// `print!`, on the submitter's `sys.stdout`.
#[macro_export]
macro_rules! print {
    ($($part:tt)*) => { $crate::log::print_formatted(::core::format_args!($($part)*), "") };
}

/// `println!`, on the submitter's `sys.stdout`.
#[macro_export]
macro_rules! println {
    () => { $crate::log::print("\n") };
    ($($part:tt)*) => { $crate::log::print_formatted(::core::format_args!($($part)*), "\n") };
}
