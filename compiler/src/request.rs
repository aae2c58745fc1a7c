//! What a caller hands to the compiler and gets back: plain data.

use std::collections::BTreeMap;

use spm_protocol::lines::LineTable;

use crate::types::ValueType;

/// One function to compile, with everything it reaches.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The entry first, then the helper functions it reaches, in any fixed order.
    pub functions: Vec<FunctionSource>,
    /// For each function, by the same index, what its free names stand for. A dotted use of a
    /// module (`math.sqrt`) needs its first part only.
    pub globals: Vec<BTreeMap<String, Captured>>,
    /// The classes that functions and arguments refer to, bases before what derives from them.
    pub classes: Vec<ClassSource>,
    /// Types of the entry's positional parameters, one for each.
    pub parameters: Vec<ParameterType>,
    /// The submitter's `sys.getrecursionlimit()`.
    pub recursion_limit: u32,
}

/// Where a function's text comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionSource {
    /// Its `__name__`.
    pub name: String,
    /// Its `__qualname__`.
    pub qualname: String,
    /// Its file, as Python names it.
    pub file: String,
    /// Line of the file that `source` begins with, from 1.
    pub first_line: u32,
    /// Columns (UTF-8 bytes) that were removed from the left of each line.
    pub column: u32,
    /// The `def` statement with its decorators, dedented, or a lambda expression.
    pub source: String,
}

/// The type of one parameter of the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterType {
    /// The parameter's name.
    pub name: String,
    /// From its annotation, or of the first argument seen.
    pub value_type: ValueType,
}

/// What a free name of a function stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Captured {
    /// A constant, captured by value.
    Value(Literal),
    /// Another function: index into [`Request::functions`].
    Function(usize),
    /// A module, by name. `math` is known.
    Module(String),
    /// A member of a module, as `from math import sqrt` binds it: `math.sqrt`.
    ModuleMember(String),
    /// A class: index into [`Request::classes`].
    Class(usize),
    /// A member of an enumeration: index into [`Request::classes`], and which.
    EnumMember(usize, usize),
    /// A builtin, by name: `len`.
    Builtin(String),
    /// A class of exceptions of the user's that adds nothing to what it derives from.
    Exception {
        /// Itself and those of the user's that it derives from: place in the class table, and name.
        classes: Vec<(u32, String)>,
        /// The builtin class that those derive from.
        base: String,
    },
    /// Anything else. The compiler reports it where it is used.
    Unsupported {
        /// What it is: "an open file".
        what: String,
        /// What to do about it.
        help: Option<String>,
    },
}

/// A class of the user's, taken apart: what its instances and the class itself have, those of its bases included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassSource {
    /// Its `__name__`.
    pub name: String,
    /// Its `__qualname__`.
    pub qualname: String,
    /// The class that it derives from, if that is one of the user's.
    pub base: Option<usize>,
    /// What its attributes are, but for those of instances.
    pub members: BTreeMap<String, Member>,
    /// Attributes that instances are known to have, with the types seen in arguments. [`ValueType::Never`] where nothing
    /// was seen.
    pub fields: Vec<(String, ValueType)>,
    /// Whether instances are immutable: `@dataclass(frozen=True)`.
    pub frozen: bool,
    /// The names that `__slots__` allows, if it limits them.
    pub slots: Option<Vec<String>>,
    /// The attributes that are the items of a named tuple.
    pub items: Option<Vec<String>>,
    /// The members of an enumeration.
    pub enumeration: Option<Enumeration>,
    /// The class's place in the table that values name classes by.
    pub number: u32,
}

/// The members of an `Enum`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Enumeration {
    /// Name and value of each, in the order of their definition.
    pub members: Vec<(String, Literal)>,
    /// Other names of members, and which these are.
    pub aliases: Vec<(String, usize)>,
    /// Whether members are ints, too: `IntEnum`.
    pub is_int: bool,
}

/// An attribute of a class.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// A function: index into [`Request::functions`].
    Method(usize),
    /// A `staticmethod`.
    Static(usize),
    /// A `classmethod`.
    Class(usize),
    /// A `property`: what reads it, and what sets it.
    Property(usize, Option<usize>),
    /// A constant.
    Constant(Literal),
    /// `None` in the place of a special method: the class does without.
    Without,
    /// Anything else. The compiler reports it where it is used.
    Unsupported {
        /// What it is.
        what: String,
        /// What to do about it.
        help: Option<String>,
    },
}

/// A captured constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` of at most 64 bits.
    Int(i64),
    /// An `int` beyond 64 bits, in decimal: reported where it is used.
    BigInt(String),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Str(String),
    /// A `bytes`.
    Bytes(Vec<u8>),
    /// A `list`.
    List(Vec<Literal>),
    /// A `tuple`.
    Tuple(Vec<Literal>),
    /// A `dict`, in insertion order.
    Dict(Vec<(Literal, Literal)>),
    /// A `set`, in iteration order.
    Set(Vec<Literal>),
}

/// A compiled closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The component.
    pub component: Vec<u8>,
    /// From its code to the user's lines; also in the component's section `spm:lines`.
    pub lines: LineTable,
    /// The world it implements, as WIT text.
    pub wit: String,
    /// What it returns.
    pub result: ValueType,
    /// What it takes.
    pub parameters: Vec<ValueType>,
    /// What the compiler found out, for people: types, what was proved, which checks are left.
    pub explain: String,
}
