//! The classes of exceptions, by their numbers in the protocol, and how they derive.

use std::collections::BTreeMap;

use spm_protocol::raised::{BUILTIN_EXCEPTIONS, CLASS_TABLE_BASE, builtin_exception};

use crate::request::{Captured, Request};

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

/// The name of a builtin class; of the user's, one that they derive from.
pub(crate) fn name(class: u32) -> &'static str {
    BUILTIN_EXCEPTIONS.get(class as usize).copied().unwrap_or("Exception")
}

/// Where classes of the user's are in a set of classes.
const USERS_BIT: usize = 128;
const _: () = assert!(BUILTIN_EXCEPTIONS.len() <= USERS_BIT);

/// The classes of a program: the builtin ones, and those of the user's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    /// By number: the name, and what it derives from.
    users: BTreeMap<u32, (String, u32)>,
}

impl Classes {
    /// Those that a request names.
    pub(crate) fn of(request: &Request) -> Self {
        let mut users = BTreeMap::new();
        for captured in request.globals.iter().flat_map(BTreeMap::values) {
            let Captured::Exception { classes, base } = captured else { continue };
            let mut parent = class(base).unwrap_or(EXCEPTION);
            for (number, name) in classes.iter().rev() {
                let number = CLASS_TABLE_BASE + number;
                users.insert(number, (name.clone(), parent));
                parent = number;
            }
        }
        Self { users }
    }

    /// The name of a class.
    pub(crate) fn name(&self, class: u32) -> &str {
        self.users.get(&class).map_or_else(|| name(class), |(name, _)| name)
    }

    /// What a class derives from.
    fn parent(&self, class: u32) -> Option<u32> {
        if class == BASE {
            return None;
        }
        if class >= CLASS_TABLE_BASE {
            return Some(self.users.get(&class).map_or(EXCEPTION, |(_, parent)| *parent));
        }
        let name = name(class);
        let known = PARENTS.iter().find(|(child, _)| *child == name);
        Some(known.and_then(|(_, parent)| builtin_exception(parent)).unwrap_or(EXCEPTION))
    }

    /// Whether a class is another, or derives from it.
    pub(crate) fn is_subclass(&self, mut class: u32, of: u32) -> bool {
        loop {
            if class == of {
                return true;
            }
            match self.parent(class) {
                Some(parent) => class = parent,
                None => return false,
            }
        }
    }

    /// The nearest class that both are or derive from.
    pub(crate) fn common(&self, a: u32, b: u32) -> u32 {
        let mut at = a;
        while !self.is_subclass(b, at) {
            match self.parent(at) {
                Some(parent) => at = parent,
                None => return BASE,
            }
        }
        at
    }

    /// Those classes and all that derive from them, as the bits of bytes.
    pub(crate) fn set_of(&self, classes: &[u32]) -> Vec<u8> {
        let builtin = (0..BUILTIN_EXCEPTIONS.len() as u32).map(|class| (class as usize, class));
        let users = self.users.keys();
        let users = users.map(|class| (USERS_BIT + (class - CLASS_TABLE_BASE) as usize, *class));
        let mut bits = Vec::new();
        for (bit, class) in builtin.chain(users) {
            if classes.iter().any(|of| self.is_subclass(class, *of)) {
                bits.resize(bits.len().max(bit / 8 + 1), 0);
                bits[bit / 8] |= 1 << (bit % 8);
            }
        }
        bits
    }

    /// The names of all classes, one a line; the user's after an empty one.
    pub(crate) fn names(&self) -> Vec<u8> {
        let mut text = BUILTIN_EXCEPTIONS.join("\n");
        text.push_str("\n\n");
        let count = self.users.keys().next_back().map_or(0, |last| last - CLASS_TABLE_BASE + 1);
        for number in 0..count {
            let known = self.users.get(&(CLASS_TABLE_BASE + number));
            text.push_str(known.map_or("?", |(name, _)| name));
            text.push('\n');
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_derive_as_in_python() {
        let (class, classes) = (|name| class(name).unwrap(), Classes::default());
        assert!(classes.is_subclass(class("KeyError"), class("LookupError")));
        assert!(classes.is_subclass(class("BrokenPipeError"), class("OSError")));
        assert!(!classes.is_subclass(class("KeyboardInterrupt"), EXCEPTION));
        assert_eq!(classes.common(class("KeyError"), class("IndexError")), class("LookupError"));
        assert_eq!(classes.common(class("SystemExit"), class("KeyError")), BASE);
        assert!(
            PARENTS
                .iter()
                .all(|(a, b)| builtin_exception(a).is_some() && builtin_exception(b).is_some())
        );
    }
}
