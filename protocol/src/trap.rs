//! The closed, numbered table of traps, shared by both sides of the sandbox.

use minicbor::{Decode, Encode};

/// Declares trap codes once: number, text and Python exception cannot drift apart.
macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $text:literal, $python:literal;)+) => {
        /// Why an instance stopped without returning. Numbers are part of the wire format:
        /// append, never renumber.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        #[repr(u8)]
        pub enum TrapCode { $($(#[$doc])* #[n($byte)] $name = $byte),+ }

        impl TrapCode {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code with this number.
            pub fn from_u8(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$name),)+ _ => None }
            }

            /// What the submitter reads.
            pub fn text(self) -> &'static str { match self { $(Self::$name => $text),+ } }

            /// The name of the exception it becomes in Python: a builtin, or one of SPM's.
            pub fn python_name(self) -> &'static str { match self { $(Self::$name => $python),+ } }
        }
    };
}

trap_codes! {
    /// An `int` left the 64 bits the compiler gave it.
    IntegerOverflow = 1, "an int left the 64-bit range of the native engine", "OverflowError";
    /// A value was not of the type the closure was compiled for.
    TypeNotProved = 2, "a value was not of the type the closure was compiled for", "TypeError";
    /// Integer division or modulo by zero, outside compiled Python.
    DivideByZero = 3, "division by zero", "ZeroDivisionError";
    /// A conversion or division whose result does not fit its Wasm type.
    NumericRange = 4, "numeric result out of range", "OverflowError";
    /// A load or store outside linear memory.
    MemoryOutOfBounds = 5, "memory access out of bounds", "spm.SandboxViolation";
    /// A table access outside the table.
    TableOutOfBounds = 6, "table access out of bounds", "spm.SandboxViolation";
    /// An indirect call to a null or wrongly typed function.
    BadIndirectCall = 7, "indirect call to a missing or wrong function", "spm.SandboxViolation";
    /// The `unreachable` instruction: an abort, a panic, a failed assertion of a guest.
    Unreachable = 8, "the guest aborted (`unreachable`)", "spm.SandboxViolation";
    /// The guest recursed deeper than its stack.
    StackExhausted = 9, "the sandbox's call stack is exhausted", "RecursionError";
    /// A guest broke the canonical ABI of its component.
    AbiViolation = 10, "the guest broke the component calling convention", "spm.SandboxViolation";
    /// An import that was not granted was called.
    ImportDenied = 11, "the guest called an import that was not granted", "spm.SandboxViolation";
    /// The guest printed more than it may.
    OutputLimit = 12, "the guest wrote more output than its limit", "spm.SandboxViolation";
    /// The guest's result is larger than it may be.
    ResultLimit = 13, "the guest's result is larger than its limit", "spm.SandboxViolation";
    /// A misaligned atomic access, or another trap that compiled Python never takes.
    OtherTrap = 14, "the guest trapped", "spm.SandboxViolation";
    /// The guest sent, asked or made more than its limit.
    MessageLimit = 15, "the guest sent or spawned more than its limit", "spm.SandboxViolation";
}

impl TrapCode {
    /// Whether a value left what the compiler had proved: the one thing another engine does better.
    pub fn leaves_proof(self) -> bool {
        matches!(self, Self::IntegerOverflow | Self::TypeNotProved)
    }
}

impl std::fmt::Display for TrapCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.text())
    }
}
