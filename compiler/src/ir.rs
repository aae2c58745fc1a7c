//! The typed program between Python and Wasm. Types are final, names are resolved, and what
//! Python leaves to run time (which `+`, how to iterate) is spelled out; ownership of references
//! and overflow checks are left to the emitter.

use crate::ast::{Comparison, Operator, Span};
use crate::classes::Classes;
use crate::request::Literal;
use crate::ty::Ty;

/// A local variable of a function, user's or temporary.
pub(crate) type LocalId = usize;
/// A target for [`St::Br`], unique within its function.
pub(crate) type Label = u32;
/// A function specialised to the types of its parameters.
pub(crate) type InstanceId = usize;

#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub ty: Ty,
    /// A parameter, which its caller owns, or a temporary that lives no longer than what it
    /// refers to.
    pub borrowed: bool,
}

/// Bounds of an int, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub low: i64,
    pub high: i64,
}

impl Interval {
    pub(crate) const FULL: Self = Self { low: i64::MIN, high: i64::MAX };

    pub(crate) const fn new(low: i64, high: i64) -> Self {
        Self { low, high }
    }

    pub(crate) const fn constant(value: i64) -> Self {
        Self::new(value, value)
    }
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) struct Ex {
    pub op: Op,
    pub ty: Ty,
    pub span: Span,
    /// Of the result, if it is an int. Filled in by range analysis.
    pub range: Interval,
    /// Whether range analysis proved that the operation cannot overflow.
    pub proved: bool,
}

impl Ex {
    pub(crate) fn new(op: Op, ty: Ty, span: Span) -> Self {
        Self { op, ty, span, range: Interval::FULL, proved: false }
    }

    pub(crate) fn int(value: i64, span: Span) -> Self {
        Self::new(Op::Int(value), Ty::Int, span)
    }

    pub(crate) fn bool(value: bool, span: Span) -> Self {
        Self::new(Op::Bool(value), Ty::Bool, span)
    }

    pub(crate) fn none(span: Span) -> Self {
        Self::new(Op::None, Ty::None, span)
    }

    pub(crate) fn local(local: LocalId, ty: Ty, span: Span) -> Self {
        Self::new(Op::Local(local), ty, span)
    }

    /// Whether evaluating it neither runs code of the user's nor changes or frees any object.
    pub(crate) fn is_simple(&self) -> bool {
        match &self.op {
            Op::Int(_) | Op::Float(_) | Op::Bool(_) | Op::None | Op::Static(_) | Op::Local(_) => {
                true
            }
            Op::Int2(_, a, b)
            | Op::Float2(_, a, b)
            | Op::IntCompare(_, a, b)
            | Op::FloatCompare(_, a, b)
            | Op::ListGet { list: a, index: b, .. } => {
                (a.is_simple() && b.is_simple()) && !self.ty.is_counted()
                    || matches!(self.op, Op::ListGet { .. }) && a.is_simple() && b.is_simple()
            }
            Op::Unary(_, a)
            | Op::Not(a)
            | Op::BoolToInt(a)
            | Op::IntToFloat(a)
            | Op::Len(a)
            | Op::TupleGet(a, _) => a.is_simple(),
            Op::Field(a, _) | Op::ClassIs(a, _) => a.is_simple(),
            Op::EnumMember(..) => true,
            Op::If(a, b, c) => a.is_simple() && b.is_simple() && c.is_simple(),
            Op::Runtime(name, arguments) => {
                (name.starts_with("int_")
                    || name.starts_with("math_")
                    || name.starts_with("float_"))
                    && !self.ty.is_counted()
                    && arguments.iter().all(|argument| match argument {
                        Argument::Ex(ex) => ex.is_simple() && !ex.ty.is_counted(),
                        _ => true,
                    })
            }
            _ => false,
        }
    }
}

/// An operation on one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    IntNeg,
    IntAbs,
    IntInvert,
    FloatNeg,
    FloatAbs,
}

/// An argument of a runtime function.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    /// A value, passed as the function's parameter kind says.
    Ex(Ex),
    /// A constant `i32`.
    Num(u32),
    /// The descriptor of a type.
    Desc(Ty),
}

/// A deliberate or certain exception.
#[derive(Debug, Clone)]
pub(crate) enum Raise {
    /// `raise class` without arguments.
    Class(u32),
    /// `raise class(value)`.
    Value(u32, Box<Ex>),
    /// `raise class(a, b)`, of a tuple.
    Arguments(u32, Box<Ex>),
    /// `raise exception`, of an object.
    Object(Box<Ex>),
    /// An exception that was caught goes on.
    Again(Box<Ex>),
    /// What is being handled goes on, if anything is.
    Handled,
    /// One of [`crate::abi::common`].
    Common(u32),
    /// One of [`crate::abi::deopt`].
    Deopt(u32),
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Int(i64),
    Float(f64),
    Bool(bool),
    None,
    /// An immortal str, bytes, tuple or list.
    Static(Literal),
    /// A dict or set constant, made at its first use: index into [`Program::lazies`].
    Lazy(usize),
    Local(LocalId),
    /// Ints; checks overflow unless proved. Division and shifts included.
    Int2(Operator, Box<Ex>, Box<Ex>),
    /// `+ - * /` of floats; checks a zero divisor.
    Float2(Operator, Box<Ex>, Box<Ex>),
    Unary(Unary, Box<Ex>),
    IntCompare(Comparison, Box<Ex>, Box<Ex>),
    FloatCompare(Comparison, Box<Ex>, Box<Ex>),
    /// Identity of two objects.
    Same(Box<Ex>, Box<Ex>),
    Not(Box<Ex>),
    BoolToInt(Box<Ex>),
    IntToFloat(Box<Ex>),
    If(Box<Ex>, Box<Ex>, Box<Ex>),
    Seq(Vec<St>, Box<Ex>),
    Runtime(&'static str, Vec<Argument>),
    Call(InstanceId, Vec<Ex>),
    /// Number of elements (characters of a str).
    Len(Box<Ex>),
    /// Bytes of a str, as `Raw`.
    StrBytes(Box<Ex>),
    /// An element. Unchecked ones are known to be there.
    ListGet {
        list: Box<Ex>,
        index: Box<Ex>,
        checked: bool,
    },
    TupleGet(Box<Ex>, usize),
    /// The attribute of an object that is in a slot of it.
    Field(Box<Ex>, usize),
    /// A new instance of a class, without attributes.
    NewObject(u32),
    /// Whether an object is an instance of one of these classes.
    ClassIs(Box<Ex>, Vec<u32>),
    /// A member of an enumeration: class, and which.
    EnumMember(u32, usize),
    /// A byte as an int; the index is known to be in range.
    ByteAt(Box<Ex>, Box<Ex>),
    /// The value in the slot at an address plus an offset; still owned by its container.
    Slot(Box<Ex>, u32),
    NewList(Vec<Ex>),
    NewTuple(Vec<Ex>),
    /// A member as its union, or a union as a wider one.
    Inject(Box<Ex>),
    /// A union as the member it is known to be.
    Project(Box<Ex>),
    /// Whether a union is this member now.
    TagIs(Box<Ex>, u32),
    /// Arithmetic on `Raw`.
    RawAdd(Box<Ex>, Box<Ex>),
    RawLess(Box<Ex>, Box<Ex>),
    Raise(Raise),
    /// What would be raised, as an object.
    NewException(Raise),
}

/// A statement.
#[derive(Debug, Clone)]
pub(crate) enum St {
    Set(LocalId, Ex),
    Eval(Ex),
    If(Ex, Vec<St>, Vec<St>),
    Block(Label, Vec<St>),
    Loop {
        condition: Option<Ex>,
        body: Vec<St>,
        step: Vec<St>,
        span: Span,
    },
    Br(Label),
    Return(Ex),
    /// Gives an item to who resumed the generator. Gone once the generator is a function (`lower/suspend.rs`).
    Yield(Ex),
    /// Evaluates list, index, value in this order.
    ListSet {
        list: Ex,
        index: Ex,
        value: Ex,
        checked: bool,
    },
    /// Evaluates value, object in this order, and sets the attribute in a slot.
    FieldSet {
        object: Ex,
        slot: usize,
        value: Ex,
    },
    /// Adds to a counter; leaves by the label instead of overflowing.
    Step {
        local: LocalId,
        by: Ex,
        exit: Label,
    },
    /// Gives back what a local refers to.
    Clear(LocalId),
    /// Runs the handler if the body raises anything that can be caught, which is then in the local.
    Try {
        body: Vec<St>,
        caught: LocalId,
        handler: Vec<St>,
    },
    /// While the body runs, the exception is being handled. What was handled before waits in `saved`.
    Handling {
        exception: LocalId,
        saved: LocalId,
        body: Vec<St>,
    },
}

/// What the runtime asks of objects of a family, by the index of its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Callback {
    /// A comparison by an operator of [`crate::abi::op`].
    Compare(u32, u32),
    Repr(u32),
    Str(u32),
    Hash(u32),
}

/// A function, ready to be emitted.
#[derive(Debug, Clone)]
pub(crate) struct Func {
    /// Index into the request's functions.
    pub function: usize,
    pub parameters: Vec<Ty>,
    pub result: Ty,
    /// The first ones are the parameters.
    pub locals: Vec<Local>,
    pub body: Vec<St>,
    /// Of the name, for the frame of a `RecursionError`.
    pub span: Span,
}

/// Everything to be emitted.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The first is the entry.
    pub functions: Vec<Func>,
    /// Constants that are made when first used.
    pub lazies: Vec<(Literal, Ty)>,
    pub classes: Classes,
    /// What the runtime calls.
    pub callbacks: Vec<(Callback, InstanceId)>,
}
