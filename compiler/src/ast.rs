//! The Python we compile, as a tree of our own: what the parser gives, less what we refuse.

/// Bytes of a function's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

/// Names a node within its function; the same in every pass over it.
pub(crate) type NodeId = u32;

#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    pub id: NodeId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
}

impl Operator {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "**",
            Self::LShift => "<<",
            Self::RShift => ">>",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Neg,
    Pos,
    Invert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

impl Comparison {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtE => "<=",
            Self::Gt => ">",
            Self::GtE => ">=",
            Self::Is => "is",
            Self::IsNot => "is not",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }

    /// The same comparison with its operands exchanged.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::LtE => Self::GtE,
            Self::Gt => Self::Lt,
            Self::GtE => Self::LtE,
            other => other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComprehensionKind {
    List,
    Set,
    Dict,
    Generator,
}

/// `for target in iter if conditions`.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    pub target: Expr,
    pub iter: Expr,
    pub conditions: Vec<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) enum FStringPart {
    Text(String),
    Value { value: Expr, conversion: Option<char>, spec: Vec<FStringPart> },
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    Name(String),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Unary(UnaryOperator, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Conditional {
        test: Box<Expr>,
        body: Box<Expr>,
        orelse: Box<Expr>,
    },
    Named(String, Box<Expr>),
    Call {
        function: Box<Expr>,
        arguments: Vec<Expr>,
        keywords: Vec<(String, Expr)>,
    },
    Attribute(Box<Expr>, String),
    Subscript(Box<Expr>, Box<Expr>),
    Slice([Option<Box<Expr>>; 3]),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Set(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Comprehension {
        kind: ComprehensionKind,
        element: Box<Expr>,
        value: Option<Box<Expr>>,
        clauses: Vec<Clause>,
    },
    FString(Vec<FStringPart>),
    Lambda(Box<Function>),
    Await(Box<Expr>),
    /// `*value` among the arguments of a call.
    Starred(Box<Expr>),
    /// Already reported; has every type.
    Error,
}

#[derive(Debug, Clone)]
pub(crate) struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
    pub id: NodeId,
}

#[derive(Debug, Clone)]
pub(crate) enum StmtKind {
    Expr(Expr),
    /// `yield value`, whose own value nobody asks for.
    Yield(Expr),
    Assign {
        targets: Vec<Expr>,
        value: Expr,
    },
    AugAssign {
        target: Expr,
        operator: Operator,
        value: Expr,
    },
    Annotated {
        target: Expr,
        annotation: Expr,
        value: Option<Expr>,
    },
    If {
        test: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    While {
        test: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    For {
        target: Expr,
        iter: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    Break,
    Continue,
    Return(Option<Expr>),
    Raise {
        exception: Option<Expr>,
        cause: Option<Expr>,
    },
    Try {
        body: Vec<Stmt>,
        handlers: Vec<Handler>,
        orelse: Vec<Stmt>,
        finalbody: Vec<Stmt>,
    },
    /// `with manager as target`.
    With {
        manager: Expr,
        target: Option<Expr>,
        body: Vec<Stmt>,
        /// The first of the nodes of what it stands for (`lower/with.rs`).
        first: NodeId,
    },
    Assert {
        test: Expr,
        message: Option<Expr>,
    },
    Match {
        subject: Expr,
        cases: Vec<Case>,
    },
    /// `nonlocal`: the names belong to a function around.
    Nonlocal(Vec<String>),
    /// `global`: the names are those of the module.
    Global(Vec<String>),
    Delete(Vec<Expr>),
    /// `import math`, `from math import sqrt`: a local name for a module or its member.
    Import {
        name: String,
        dotted: String,
    },
    Function(Box<Function>),
    Pass,
}

/// A pattern of `match`.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// Equal to a value.
    Value(Expr),
    /// `None`, `True` or `False` itself.
    Same(Expr),
    /// Whatever matches the inner one, if there is one, gets the name, if there is one.
    Capture(Option<Box<Pattern>>, Option<String>),
    Or(Vec<Pattern>, NodeId),
    /// An instance of a builtin class that matches the inner one.
    Class(Expr, Option<Box<Pattern>>),
    /// An instance of a class of the user's: by position, and by name.
    Instance {
        class: Expr,
        items: Vec<Pattern>,
        named: Vec<(String, Pattern)>,
        span: Span,
        id: NodeId,
    },
    /// A dict that has these keys.
    Mapping {
        items: Vec<(Expr, Pattern)>,
        span: Span,
        id: NodeId,
    },
    Sequence {
        items: Vec<Pattern>,
        /// How many items are before it, and its name.
        star: Option<(usize, Option<String>)>,
        span: Span,
        id: NodeId,
    },
    /// Already reported.
    Error,
}

/// `case pattern if guard`.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Vec<Stmt>,
    pub span: Span,
    pub id: NodeId,
}

/// `except classes as name`.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    pub classes: Option<Expr>,
    pub name: Option<String>,
    pub body: Vec<Stmt>,
    pub span: Span,
    pub id: NodeId,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// One argument.
    One,
    /// `*args`: the positional arguments that are left, as a tuple.
    Positional,
    /// `**kwargs`: the keyword arguments that are left, as a dict.
    Keywords,
}

#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub name: String,
    pub span: Span,
    pub annotation: Option<Expr>,
    pub default: Option<Expr>,
    /// Whether an argument can be given by position, or by name.
    pub positional: bool,
    pub keyword: bool,
    pub takes: Takes,
}

/// A function, or a lambda (whose body is one `return`).
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub name: String,
    /// In the order of Python's signatures: `*args` comes before keyword-only parameters.
    pub parameters: Vec<Parameter>,
    pub is_async: bool,
    /// Whether it is a generator function.
    pub yields: bool,
    pub body: Vec<Stmt>,
    /// Of the name, for diagnostics about the whole.
    pub name_span: Span,
}
