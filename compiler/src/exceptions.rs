//! The classes of exceptions: those of Python, by their numbers in the protocol, and how they derive.

use spm_protocol::raised::{BUILTIN_EXCEPTIONS, builtin_exception};

/// What each class derives from, if that is not `Exception`.
const PARENTS: &[(&str, &str)] = &[
    ("Exception", "BaseException"),
    ("BaseExceptionGroup", "BaseException"),
    ("GeneratorExit", "BaseException"),
    ("KeyboardInterrupt", "BaseException"),
    ("SystemExit", "BaseException"),
    ("FloatingPointError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("ModuleNotFoundError", "ImportError"),
    ("UnboundLocalError", "NameError"),
    ("NotImplementedError", "RuntimeError"),
    ("RecursionError", "RuntimeError"),
    ("PythonFinalizationError", "RuntimeError"),
    ("IndentationError", "SyntaxError"),
    ("TabError", "IndentationError"),
    ("UnicodeError", "ValueError"),
    ("UnicodeDecodeError", "UnicodeError"),
    ("UnicodeEncodeError", "UnicodeError"),
    ("UnicodeTranslateError", "UnicodeError"),
    ("BlockingIOError", "OSError"),
    ("ChildProcessError", "OSError"),
    ("ConnectionError", "OSError"),
    ("BrokenPipeError", "ConnectionError"),
    ("ConnectionAbortedError", "ConnectionError"),
    ("ConnectionRefusedError", "ConnectionError"),
    ("ConnectionResetError", "ConnectionError"),
    ("FileExistsError", "OSError"),
    ("FileNotFoundError", "OSError"),
    ("InterruptedError", "OSError"),
    ("IsADirectoryError", "OSError"),
    ("NotADirectoryError", "OSError"),
    ("PermissionError", "OSError"),
    ("ProcessLookupError", "OSError"),
    ("TimeoutError", "OSError"),
    ("BytesWarning", "Warning"),
    ("DeprecationWarning", "Warning"),
    ("EncodingWarning", "Warning"),
    ("FutureWarning", "Warning"),
    ("ImportWarning", "Warning"),
    ("PendingDeprecationWarning", "Warning"),
    ("ResourceWarning", "Warning"),
    ("RuntimeWarning", "Warning"),
    ("SyntaxWarning", "Warning"),
    ("UnicodeWarning", "Warning"),
    ("UserWarning", "Warning"),
];

/// Other names of classes.
const ALIASES: &[(&str, &str)] = &[("IOError", "OSError"), ("EnvironmentError", "OSError")];

/// `BaseException`
pub(crate) const BASE: u32 = 0;
/// `Exception`
pub(crate) const EXCEPTION: u32 = 1;

/// The class of a name.
pub(crate) fn class(name: &str) -> Option<u32> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    builtin_exception(alias.map_or(name, |(_, name)| name))
}

/// The name of a class.
pub(crate) fn name(class: u32) -> &'static str {
    BUILTIN_EXCEPTIONS.get(class as usize).copied().unwrap_or("Exception")
}

/// What a class derives from.
pub(crate) fn parent(class: u32) -> Option<u32> {
    if class == BASE {
        return None;
    }
    let name = name(class);
    let known = PARENTS.iter().find(|(child, _)| *child == name);
    Some(known.and_then(|(_, parent)| builtin_exception(parent)).unwrap_or(EXCEPTION))
}

/// Whether a class is another, or derives from it.
pub(crate) fn is_subclass(mut class: u32, of: u32) -> bool {
    loop {
        if class == of {
            return true;
        }
        match parent(class) {
            Some(parent) => class = parent,
            None => return false,
        }
    }
}

/// The nearest class that both are or derive from.
pub(crate) fn common(a: u32, b: u32) -> u32 {
    let mut at = a;
    while !is_subclass(b, at) {
        match parent(at) {
            Some(parent) => at = parent,
            None => return BASE,
        }
    }
    at
}

/// Those classes and all that derive from them, as the bits of bytes.
pub(crate) fn set_of(classes: &[u32]) -> Vec<u8> {
    let mut bits = vec![0; BUILTIN_EXCEPTIONS.len().div_ceil(8)];
    for class in 0..BUILTIN_EXCEPTIONS.len() as u32 {
        if classes.iter().any(|of| is_subclass(class, *of)) {
            bits[class as usize / 8] |= 1 << (class % 8);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_derive_as_in_python() {
        let class = |name| class(name).unwrap();
        assert!(is_subclass(class("KeyError"), class("LookupError")));
        assert!(is_subclass(class("BrokenPipeError"), class("OSError")));
        assert!(!is_subclass(class("KeyboardInterrupt"), EXCEPTION));
        assert_eq!(common(class("KeyError"), class("IndexError")), class("LookupError"));
        assert_eq!(common(class("SystemExit"), class("KeyError")), BASE);
        assert!(
            PARENTS
                .iter()
                .all(|(a, b)| builtin_exception(a).is_some() && builtin_exception(b).is_some())
        );
    }
}
