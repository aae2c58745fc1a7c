//! Numbers that the compiler and the guest runtime must agree on. Both include this file.

/// Kinds of type descriptors. A descriptor is a blob of 32-bit little-endian words:
/// `[kind, count, element descriptor addresses...]`.
pub mod kind {
    /// `None`; slot 0. No elements.
    pub const NONE: u32 = 0;
    /// `bool`; slot 0 or 1.
    pub const BOOL: u32 = 1;
    /// `int` of 64 bits; the slot is its value.
    pub const INT: u32 = 2;
    /// `float`; the slot is its bits.
    pub const FLOAT: u32 = 3;
    /// `str`; the slot is an address, as for all kinds below.
    pub const STR: u32 = 4;
    /// `bytes`.
    pub const BYTES: u32 = 5;
    /// `list`; one element descriptor.
    pub const LIST: u32 = 6;
    /// `tuple` of fixed length; `count` element descriptors.
    pub const TUPLE: u32 = 7;
    /// `dict`; key and value descriptors.
    pub const DICT: u32 = 8;
    /// `set`; one element descriptor.
    pub const SET: u32 = 9;
    /// `frozenset`; one element descriptor.
    pub const FROZENSET: u32 = 10;
    /// `tuple` of any length with equal element types; one element descriptor. Laid out as a list.
    pub const VTUPLE: u32 = 11;
    /// A value or `None`; one element descriptor. Address 0 is `None`; for elements that are
    /// addresses themselves the slot is the element's, for others the address of a one-slot tuple.
    pub const OPTIONAL: u32 = 12;
    /// One of several kinds, all different; their descriptors. The slot is the address of an object
    /// of two slots, laid out as a tuple: the number of the kind, and its own slot.
    pub const UNION: u32 = 13;
    /// An exception. Containers hold none, so that no descriptor has this kind.
    pub const EXCEPTION: u32 = 30;
    /// First of the kinds of objects, one for each family of classes. The elements are the family's classes, by
    /// their descriptors, see [`super::object`].
    pub const OBJECT: u32 = 1 << 16;
    /// `NotImplemented`; never in a slot.
    pub const NOT_IMPLEMENTED: u32 = 1 << 15;
    /// Last of the kinds of classes themselves, which are never in a slot.
    pub const CLASS: u32 = (1 << 15) - 1;
}

/// Offsets in instances of the user's classes, and in the descriptors of classes: `[CLASS, count, descriptors of the slots...,
/// number, attributes, (text, slot, slot that says whether it is set)...]`.
pub mod object {
    /// Of an instance: the descriptor of its class.
    pub const CLASS: u32 = 4;
    /// First word of the descriptor of a class whose instances are their attributes.
    pub const PLAIN: u32 = 0;
    /// First word of the descriptor of an enumeration, which has (text of the name, member) in the place of attributes.
    pub const ENUMERATION: u32 = 1;
    /// First word of the descriptor of a named tuple.
    pub const NAMED_TUPLE: u32 = 2;
    /// In the number of a class: whether its own `__eq__` decides about other types, too.
    pub const OWN_EQ: u32 = 1 << 31;
    /// The slot of what is always set.
    pub const ALWAYS: u32 = u32::MAX;
    /// Objects within objects, as far as the runtime follows them.
    pub const NESTED_MAX: u32 = 120;
}

/// Offsets into heap objects, in bytes. Every object begins with a 32-bit reference count; a count
/// with the top bit set is never changed (static data).
pub mod layout {
    /// Reference count that is never changed.
    pub const IMMORTAL: u32 = 0x8000_0000;
    /// The reference count of every object.
    pub const RC: u32 = 0;
    /// `str`: length in bytes. `bytes`: length.
    pub const STR_BYTES: u32 = 4;
    /// `str`: length in code points; equal to `STR_BYTES` if and only if all are ASCII.
    pub const STR_CHARS: u32 = 8;
    /// `str` and `bytes`: first byte of the data.
    pub const STR_DATA: u32 = 16;
    /// `list`, `tuple[T, ...]`, `dict`, `set`: number of elements.
    pub const LEN: u32 = 4;
    /// `list`: slots allocated.
    pub const LIST_CAP: u32 = 8;
    /// `list`: address of the first slot.
    pub const LIST_DATA: u32 = 12;
    /// Tuple of fixed length: first slot.
    pub const TUPLE_SLOTS: u32 = 8;
    /// Bytes of a slot.
    pub const SLOT_BYTES: u32 = 8;
    /// Dict and set entries: offset of the key within what `table_entry` returns.
    pub const ENTRY_KEY: u32 = 0;
    /// Dict entries: offset of the value within what `table_entry` returns.
    pub const ENTRY_VALUE: u32 = 8;
}

/// Operations of `team_reduce` and its kin.
pub mod reduction {
    /// `spm.team.SUM`
    pub const SUM: u32 = 0;
    /// `spm.team.PROD`
    pub const PROD: u32 = 1;
    /// `spm.team.MAX`
    pub const MAX: u32 = 2;
    /// `spm.team.MIN`
    pub const MIN: u32 = 3;
    /// `spm.team.BAND`, and `LAND` of bools
    pub const BAND: u32 = 4;
    /// `spm.team.BOR`, and `LOR` of bools
    pub const BOR: u32 = 5;
}

/// Addresses of the cells at the start of memory.
pub mod cell {
    /// First of the messages that came early; 0 at first.
    pub const KEPT: u32 = 8;
    /// State of the random numbers; 0 at first.
    pub const RANDOM: u32 = 12;
    /// Where a function that returns a status leaves its result: 8 bytes, `i64`, `f64` or slot.
    pub const RET: u32 = 16;
    /// The runtime's state, zero at first but for `HEAP_START`.
    pub const STATE: u32 = 24;
    /// First free address, set by the linker.
    pub const HEAP_START: u32 = 24;
    /// The outcome record of the canonical ABI: discriminant, then address and length.
    pub const OUTCOME: u32 = 68;
    /// What is known of objects: three words.
    pub const OBJECTS: u32 = 512;
    /// Texts of one ASCII character: the address of 128 words; 0 at first.
    pub const LETTERS: u32 = 524;
    /// The exception that is being handled; 0 if there is none.
    pub const HANDLED: u32 = 528;
    /// End of the cells: the linker places data from here on.
    pub const END: u32 = 560;
}

/// Comparison operators.
pub mod op {
    /// `<`
    pub const LT: u32 = 0;
    /// `<=`
    pub const LE: u32 = 1;
    /// `==`
    pub const EQ: u32 = 2;
    /// `!=`
    pub const NE: u32 = 3;
    /// `>`
    pub const GT: u32 = 4;
    /// `>=`
    pub const GE: u32 = 5;
}

/// Which bounds of a slice or search range were given.
pub mod given {
    /// `start`
    pub const START: u32 = 1;
    /// `stop`
    pub const STOP: u32 = 2;
    /// `step`
    pub const STEP: u32 = 4;
}

/// `mode` of `str_strip`.
pub mod strip {
    /// `lstrip`
    pub const LEFT: u32 = 1;
    /// `rstrip`
    pub const RIGHT: u32 = 2;
    /// `strip`
    pub const BOTH: u32 = 3;
}

/// `mode` of `str_just`.
pub mod just {
    /// `ljust`
    pub const LEFT: u32 = 0;
    /// `rjust`
    pub const RIGHT: u32 = 1;
    /// `center`
    pub const CENTER: u32 = 2;
}

/// `mode` of `str_case`.
pub mod case {
    /// `lower`
    pub const LOWER: u32 = 0;
    /// `upper`
    pub const UPPER: u32 = 1;
    /// `title`
    pub const TITLE: u32 = 2;
    /// `capitalize`
    pub const CAPITALIZE: u32 = 3;
    /// `swapcase`
    pub const SWAP: u32 = 4;
}

/// `test` of `str_is`.
pub mod is {
    /// `isalpha`
    pub const ALPHA: u32 = 0;
    /// `isdecimal`
    pub const DECIMAL: u32 = 1;
    /// `isdigit`
    pub const DIGIT: u32 = 2;
    /// `isnumeric`
    pub const NUMERIC: u32 = 3;
    /// `isalnum`
    pub const ALNUM: u32 = 4;
    /// `isspace`
    pub const SPACE: u32 = 5;
    /// `isprintable`
    pub const PRINTABLE: u32 = 6;
    /// `islower`
    pub const LOWER: u32 = 7;
    /// `isupper`
    pub const UPPER: u32 = 8;
    /// `istitle`
    pub const TITLE: u32 = 9;
    /// `isascii`
    pub const ASCII: u32 = 10;
}

/// `op` of `set_op`, `set_update` and those of items.
pub mod setop {
    /// `|`
    pub const UNION: u32 = 0;
    /// `&`
    pub const INTERSECTION: u32 = 1;
    /// `-`
    pub const DIFFERENCE: u32 = 2;
    /// `^`
    pub const SYMMETRIC: u32 = 3;
    /// Added to the operator of `set_op_items` and `set_update_items`: the items are a dict's keys.
    pub const OF_DICT: u32 = 4;
}

/// Exceptions the runtime raises: indices into `protocol`'s table of builtin exceptions.
pub mod class {
    /// `AssertionError`
    pub const ASSERTION_ERROR: u32 = 3;
    /// `IndexError`
    pub const INDEX_ERROR: u32 = 27;
    /// `KeyError`
    pub const KEY_ERROR: u32 = 30;
    /// `MemoryError`
    pub const MEMORY_ERROR: u32 = 33;
    /// `OverflowError`
    pub const OVERFLOW_ERROR: u32 = 39;
    /// `RecursionError`
    pub const RECURSION_ERROR: u32 = 43;
    /// `RuntimeError`
    pub const RUNTIME_ERROR: u32 = 46;
    /// `TypeError`
    pub const TYPE_ERROR: u32 = 56;
    /// `ValueError`
    pub const VALUE_ERROR: u32 = 64;
    /// `ZeroDivisionError`
    pub const ZERO_DIVISION_ERROR: u32 = 66;
}

/// Reasons to leave native code: numbers of `protocol`'s trap table.
pub mod deopt {
    /// An `int` left 64 bits.
    pub const INTEGER_OVERFLOW: u32 = 1;
    /// A value is not of the type that was compiled for.
    pub const TYPE_NOT_PROVED: u32 = 2;
}

/// Exceptions that compiled code raises itself, for `raise_common`.
pub mod common {
    /// `IndexError: list index out of range`
    pub const LIST_INDEX: u32 = 0;
    /// `IndexError: list assignment index out of range`
    pub const LIST_ASSIGN_INDEX: u32 = 1;
    /// `IndexError: tuple index out of range`
    pub const TUPLE_INDEX: u32 = 2;
    /// `IndexError: string index out of range`
    pub const STR_INDEX: u32 = 3;
    /// `IndexError: index out of range` (of bytes)
    pub const BYTES_INDEX: u32 = 4;
    /// `IndexError: range object index out of range`
    pub const RANGE_INDEX: u32 = 5;
    /// `ZeroDivisionError: division by zero` (`int / int`)
    pub const DIVISION: u32 = 6;
    /// `ZeroDivisionError: integer division or modulo by zero` (`//`, `divmod`)
    pub const INT_FLOORDIV: u32 = 7;
    /// `ZeroDivisionError: integer modulo by zero` (`%`)
    pub const INT_MODULO: u32 = 8;
    /// `ZeroDivisionError: float division by zero` (`/`)
    pub const FLOAT_DIVISION: u32 = 9;
    /// `ZeroDivisionError: float floor division by zero`
    pub const FLOAT_FLOORDIV: u32 = 10;
    /// `ZeroDivisionError: float modulo`
    pub const FLOAT_MODULO: u32 = 11;
    /// `ZeroDivisionError: float divmod()`
    pub const FLOAT_DIVMOD: u32 = 12;
    /// `ValueError: negative shift count`
    pub const NEGATIVE_SHIFT: u32 = 13;
    /// `ValueError: math domain error`
    pub const MATH_DOMAIN: u32 = 14;
    /// `OverflowError: math range error`
    pub const MATH_RANGE: u32 = 15;
    /// `ValueError: range() arg 3 must not be zero`
    pub const RANGE_STEP: u32 = 16;
    /// `ValueError: slice step cannot be zero`
    pub const SLICE_STEP: u32 = 17;
    /// `ValueError: min() arg is an empty sequence`
    pub const MIN_EMPTY: u32 = 18;
    /// `ValueError: max() arg is an empty sequence`
    pub const MAX_EMPTY: u32 = 19;
    /// `AssertionError` without arguments
    pub const ASSERTION: u32 = 20;
    /// `RecursionError: maximum recursion depth exceeded`
    pub const RECURSION: u32 = 21;
    /// `RuntimeError: dictionary changed size during iteration`
    pub const DICT_CHANGED: u32 = 22;
    /// `RuntimeError: Set changed size during iteration`
    pub const SET_CHANGED: u32 = 23;
    /// `MemoryError` without arguments
    pub const MEMORY: u32 = 24;
    /// `ValueError: min() iterable argument is empty` (3.12 and later)
    pub const MIN_EMPTY_312: u32 = 25;
    /// `ValueError: max() iterable argument is empty` (3.12 and later)
    pub const MAX_EMPTY_312: u32 = 26;
    /// `OverflowError: int too large to convert to float`
    pub const INT_TOO_LARGE: u32 = 27;
    /// `IndexError: pop from empty list`
    pub const POP_EMPTY: u32 = 28;
    /// `IndexError: pop index out of range`
    pub const POP_INDEX: u32 = 29;
    /// How many there are.
    pub const COUNT: u32 = 30;
}
