//! Types while they are being found out: like [`ValueType`], with variables for the elements of
//! containers that were created empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::NodeId;
use crate::exceptions::Classes;
use crate::types::ValueType;

/// Kind number of unions.
const UNION: u32 = 13;

/// Classes of the user's that derive from one another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Family {
    /// Index of the class at the root.
    pub root: u32,
    /// Its name, for messages.
    pub name: Arc<str>,
}

/// A type. `Never` is that of an expression that does not return (or is not known to, yet).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ty {
    Never,
    None,
    Bool,
    Int,
    Float,
    Str,
    Bytes,
    List(Box<Ty>),
    Tuple(Vec<Ty>),
    Dict(Box<Ty>, Box<Ty>),
    Set(Box<Ty>),
    /// `tuple[T, ...]`; laid out as a list.
    VTuple(Box<Ty>),
    /// One of the classes of `collections`, over its layout.
    Special(Special, Box<Ty>),
    /// A function that is known when compiling, and the variables of functions around that it has, as a tuple.
    Function(u32, Box<Ty>),
    /// Two or more of the above, sorted by kind, at most one of each kind.
    Union(Vec<Ty>),
    /// An instance of a class of this family. Which, its header says.
    Object(Family),
    /// A class itself, which is known when compiling: no value.
    Class(u32),
    /// What special methods return for operands that they do not know.
    NotImplemented,
    /// An exception of this class or one derived from it. Never in a container.
    Exception(u32),
    /// An element type to be found out.
    Var(u32),
    /// An address or cursor; never a Python value.
    Raw,
    /// What was already reported: fits everywhere.
    Error,
}

/// A class of `collections`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Special {
    Deque,
    Counter,
    Ordered,
    /// With a factory: which one.
    Default(u32),
}

impl Special {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deque => "deque",
            Self::Counter => "Counter",
            Self::Ordered => "OrderedDict",
            Self::Default(_) => "defaultdict",
        }
    }
}

impl Ty {
    /// The type with layouts in place of classes of `collections`.
    pub(crate) fn without_special(&self) -> Self {
        let boxed = |inner: &Self| Box::new(inner.without_special());
        match self {
            Self::Special(_, inner) | Self::Function(_, inner) => inner.without_special(),
            Self::List(element) => Self::List(boxed(element)),
            Self::Set(element) => Self::Set(boxed(element)),
            Self::VTuple(element) => Self::VTuple(boxed(element)),
            Self::Dict(key, value) => Self::Dict(boxed(key), boxed(value)),
            Self::Tuple(items) => Self::Tuple(items.iter().map(Self::without_special).collect()),
            Self::Union(items) => Self::Union(items.iter().map(Self::without_special).collect()),
            other => other.clone(),
        }
    }

    /// Whether a function is in it.
    pub(crate) fn has_function(&self) -> bool {
        match self {
            Self::Function(..) => true,
            Self::List(a) | Self::Set(a) | Self::VTuple(a) | Self::Special(_, a) => {
                a.has_function()
            }
            Self::Dict(a, b) => a.has_function() || b.has_function(),
            Self::Tuple(items) | Self::Union(items) => items.iter().any(Self::has_function),
            _ => false,
        }
    }

    /// Whether a class of `collections`, or a function, is in it.
    pub(crate) fn has_special(&self) -> bool {
        *self != self.without_special()
    }

    pub(crate) fn list(element: Ty) -> Self {
        Self::List(Box::new(element))
    }

    /// Whether values are counted references. Unions are if a member is.
    pub(crate) fn is_counted(&self) -> bool {
        match self {
            Self::Str
            | Self::Bytes
            | Self::List(_)
            | Self::Tuple(_)
            | Self::Dict(..)
            | Self::Set(_)
            | Self::VTuple(_)
            | Self::Exception(_)
            | Self::Object(_) => true,
            Self::Union(members) => members.iter().any(Self::is_counted),
            Self::Special(_, inner) | Self::Function(_, inner) => inner.is_counted(),
            _ => false,
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Bool)
    }

    /// Kind number of the ABI; tags of unions are these.
    pub(crate) fn kind(&self) -> u32 {
        use crate::abi::kind;
        match self {
            Self::Bool => kind::BOOL,
            Self::Int | Self::Raw => kind::INT,
            Self::Float => kind::FLOAT,
            Self::Str => kind::STR,
            Self::Bytes => kind::BYTES,
            Self::List(_) => kind::LIST,
            Self::Tuple(_) => kind::TUPLE,
            Self::Dict(..) => kind::DICT,
            Self::Set(_) => kind::SET,
            Self::VTuple(_) => kind::VTUPLE,
            Self::Union(_) => UNION,
            Self::Special(_, inner) | Self::Function(_, inner) => inner.kind(),
            Self::Object(family) => kind::OBJECT + family.root,
            Self::NotImplemented => kind::NOT_IMPLEMENTED,
            Self::Class(class) => kind::CLASS - class,
            Self::Exception(_) => kind::EXCEPTION,
            Self::None | Self::Never | Self::Var(_) | Self::Error => kind::NONE,
        }
    }

    /// The name `CPython` gives the type: `list`.
    pub(crate) fn python_name(&self) -> &str {
        match self {
            Self::None => "NoneType",
            Self::Bool => "bool",
            Self::Int | Self::Raw => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) | Self::VTuple(_) => "tuple",
            Self::Dict(..) => "dict",
            Self::Set(_) => "set",
            Self::Special(Special::Deque, _) => "collections.deque",
            Self::Special(Special::Ordered, _) => "collections.OrderedDict",
            Self::Special(Special::Default(_), _) => "collections.defaultdict",
            Self::Special(special, _) => special.name(),
            Self::Object(family) => &family.name,
            Self::Class(_) => "type",
            Self::Function(..) => "function",
            Self::NotImplemented => "NotImplementedType",
            Self::Exception(class) => crate::exceptions::name(*class),
            Self::Union(_) | Self::Never | Self::Var(_) | Self::Error => "object",
        }
    }

    /// Whether nothing of it is still to be found out.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Var(_) | Self::Error => false,
            Self::List(a)
            | Self::Set(a)
            | Self::VTuple(a)
            | Self::Special(_, a)
            | Self::Function(_, a) => a.is_known(),
            Self::Dict(a, b) => a.is_known() && b.is_known(),
            Self::Tuple(items) | Self::Union(items) => items.iter().all(Self::is_known),
            _ => true,
        }
    }

    /// The alternatives of a union, or the type itself.
    pub(crate) fn members(&self) -> Vec<Ty> {
        match self {
            Self::Union(members) => members.clone(),
            other => vec![other.clone()],
        }
    }
}

impl From<&ValueType> for Ty {
    fn from(value: &ValueType) -> Self {
        let boxed = |inner: &ValueType| Box::new(Ty::from(inner));
        match value {
            ValueType::None => Self::None,
            ValueType::Bool => Self::Bool,
            ValueType::Int => Self::Int,
            ValueType::Float => Self::Float,
            ValueType::Str => Self::Str,
            ValueType::Bytes => Self::Bytes,
            ValueType::List(element) => Self::List(boxed(element)),
            ValueType::Tuple(items) => Self::Tuple(items.iter().map(Ty::from).collect()),
            ValueType::VariadicTuple(element) => Self::VTuple(boxed(element)),
            ValueType::Dict(key, value) => Self::Dict(boxed(key), boxed(value)),
            ValueType::Set(element) => Self::Set(boxed(element)),
            ValueType::Union(members) => {
                let mut types = Types::default();
                let members = members.iter().map(Ty::from);
                members.reduce(|a, b| types.join(&a, &b).unwrap_or(a)).unwrap_or(Ty::Never)
            }
            ValueType::Object { class, name } => {
                Self::Object(Family { root: *class, name: name.as_str().into() })
            }
            ValueType::Never => Self::Never,
        }
    }
}

/// Two types that one variable or element cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub left: Ty,
    pub right: Ty,
}

/// Bindings of the type variables. Survives the passes: variables are named by where they were
/// made, and bindings only grow.
#[derive(Debug, Default)]
pub(crate) struct Types {
    bindings: Vec<Option<Ty>>,
    names: BTreeMap<(u32, NodeId, u32), u32>,
    /// Classes of exceptions.
    pub exceptions: Classes,
    /// Set when a binding was made.
    pub changed: bool,
}

impl Types {
    /// None yet, in a program with these classes of exceptions.
    pub(crate) fn with(exceptions: Classes) -> Self {
        Self { exceptions, ..Self::default() }
    }

    /// The variable of a place: (function instance, node, which).
    pub(crate) fn variable(&mut self, instance: u32, node: NodeId, which: u32) -> Ty {
        let next = self.bindings.len() as u32;
        let name = *self.names.entry((instance, node, which)).or_insert(next);
        if name == next {
            self.bindings.push(None);
        }
        self.resolve(&Ty::Var(name))
    }

    /// The type with all bound variables replaced.
    pub(crate) fn resolve(&self, ty: &Ty) -> Ty {
        let boxed = |inner: &Ty| Box::new(self.resolve(inner));
        match ty {
            Ty::Var(name) => match &self.bindings[*name as usize] {
                Some(bound) => self.resolve(bound),
                None => ty.clone(),
            },
            Ty::List(element) => Ty::List(boxed(element)),
            Ty::Set(element) => Ty::Set(boxed(element)),
            Ty::VTuple(element) => Ty::VTuple(boxed(element)),
            Ty::Special(special, inner) => Ty::Special(*special, boxed(inner)),
            Ty::Function(which, inner) => Ty::Function(*which, boxed(inner)),
            Ty::Dict(key, value) => Ty::Dict(boxed(key), boxed(value)),
            Ty::Tuple(items) => Ty::Tuple(items.iter().map(|item| self.resolve(item)).collect()),
            Ty::Union(members) => Ty::Union(members.iter().map(|m| self.resolve(m)).collect()),
            other => other.clone(),
        }
    }

    /// Makes two element types one. Elements are invariant: `int` and `float` do not mix.
    pub(crate) fn unify(&mut self, left: &Ty, right: &Ty) -> Result<Ty, Mismatch> {
        let (left, right) = (self.resolve(left), self.resolve(right));
        if left == right {
            return Ok(left);
        }
        match (&left, &right) {
            (Ty::Never | Ty::Error, other) | (other, Ty::Never | Ty::Error) => Ok(other.clone()),
            (Ty::Var(name), other) | (other, Ty::Var(name)) => {
                if self.occurs(*name, other) {
                    return Err(Mismatch { left: left.clone(), right: right.clone() });
                }
                self.bindings[*name as usize] = Some(other.clone());
                self.changed = true;
                Ok(other.clone())
            }
            (Ty::List(a), Ty::List(b)) => Ok(Ty::List(Box::new(self.unify(a, b)?))),
            (Ty::Set(a), Ty::Set(b)) => Ok(Ty::Set(Box::new(self.unify(a, b)?))),
            (Ty::VTuple(a), Ty::VTuple(b)) => Ok(Ty::VTuple(Box::new(self.unify(a, b)?))),
            (Ty::Special(a, left), Ty::Special(b, right)) if a == b => {
                Ok(Ty::Special(*a, Box::new(self.unify(left, right)?)))
            }
            (Ty::Function(a, left), Ty::Function(b, right)) if a == b => {
                Ok(Ty::Function(*a, Box::new(self.unify(left, right)?)))
            }
            (Ty::Dict(a, b), Ty::Dict(c, d)) => {
                let key = self.unify(a, c)?;
                Ok(Ty::Dict(Box::new(key), Box::new(self.unify(b, d)?)))
            }
            (Ty::Tuple(a), Ty::Tuple(b)) if a.len() == b.len() => {
                let items = a.iter().zip(b).map(|(a, b)| self.unify(a, b));
                Ok(Ty::Tuple(items.collect::<Result<_, _>>()?))
            }
            _ => Err(Mismatch { left, right }),
        }
    }

    fn occurs(&self, name: u32, ty: &Ty) -> bool {
        match ty {
            Ty::Var(other) => *other == name,
            Ty::List(a) | Ty::Set(a) | Ty::VTuple(a) | Ty::Special(_, a) | Ty::Function(_, a) => {
                self.occurs(name, a)
            }
            Ty::Dict(a, b) => self.occurs(name, a) || self.occurs(name, b),
            Ty::Tuple(items) | Ty::Union(items) => items.iter().any(|item| self.occurs(name, item)),
            _ => false,
        }
    }

    /// The least type that holds both, for variables and results: a union if need be.
    pub(crate) fn join(&mut self, left: &Ty, right: &Ty) -> Result<Ty, Mismatch> {
        let (left, right) = (self.resolve(left), self.resolve(right));
        if left == right || right == Ty::Never {
            return Ok(left);
        }
        // What is an error while types are incomplete may be none in the end.
        if right == Ty::Error && left != Ty::Never {
            return Ok(left);
        }
        if left == Ty::Never || left == Ty::Error {
            return Ok(right);
        }
        let mut members = left.members();
        for new in right.members() {
            let known = members.iter().position(|member| {
                member.kind() == new.kind()
                    || matches!(member, Ty::Var(_))
                    || matches!(new, Ty::Var(_))
            });
            match known {
                Some(index) => members[index] = self.join_kind(&members[index].clone(), &new)?,
                None => members.push(new),
            }
        }
        members.sort_by_key(Ty::kind);
        members.dedup();
        Ok(if members.len() == 1 { members.remove(0) } else { Ty::Union(members) })
    }

    /// Joins two types of one kind.
    fn join_kind(&mut self, left: &Ty, right: &Ty) -> Result<Ty, Mismatch> {
        match (left, right) {
            (Ty::Tuple(a), Ty::Tuple(b)) if a.len() == b.len() => {
                let items = a.iter().zip(b).map(|(a, b)| self.join(a, b));
                Ok(Ty::Tuple(items.collect::<Result<_, _>>()?))
            }
            (Ty::Exception(a), Ty::Exception(b)) => {
                Ok(Ty::Exception(self.exceptions.common(*a, *b)))
            }
            _ => self.unify(left, right),
        }
    }

    /// The type for callers; what was never found out is empty.
    pub(crate) fn value_type(&self, ty: &Ty) -> ValueType {
        let boxed = |inner: &Ty| Box::new(self.value_type(inner));
        match self.resolve(ty) {
            Ty::None => ValueType::None,
            Ty::Bool => ValueType::Bool,
            Ty::Int | Ty::Raw => ValueType::Int,
            Ty::Float => ValueType::Float,
            Ty::Str => ValueType::Str,
            Ty::Bytes => ValueType::Bytes,
            Ty::List(element) => ValueType::List(boxed(&element)),
            Ty::Set(element) => ValueType::Set(boxed(&element)),
            Ty::VTuple(element) => ValueType::VariadicTuple(boxed(&element)),
            Ty::Special(_, inner) => self.value_type(&inner),
            Ty::Dict(key, value) => ValueType::Dict(boxed(&key), boxed(&value)),
            Ty::Tuple(items) => {
                ValueType::Tuple(items.iter().map(|i| self.value_type(i)).collect())
            }
            Ty::Union(members) => {
                ValueType::Union(members.iter().map(|m| self.value_type(m)).collect())
            }
            Ty::Object(family) => {
                ValueType::Object { class: family.root, name: family.name.to_string() }
            }
            Ty::Never
            | Ty::Var(_)
            | Ty::Error
            | Ty::Class(_)
            | Ty::Function(..)
            | Ty::NotImplemented
            | Ty::Exception(_) => ValueType::Never,
        }
    }

    /// The type in words, for messages.
    pub(crate) fn show(&self, ty: &Ty) -> String {
        if let Ty::Exception(class) = ty {
            return self.exceptions.name(*class).to_owned();
        }
        if let Ty::Function(..) = ty {
            return "function".to_owned();
        }
        self.value_type(ty).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_join_to_a_union_and_elements_do_not_mix() {
        let mut types = Types::default();
        let both = types.join(&Ty::Float, &Ty::Int).unwrap();
        assert_eq!(both, Ty::Union(vec![Ty::Int, Ty::Float]));
        assert_eq!(types.join(&both, &Ty::Int).unwrap(), both);
        assert!(types.unify(&Ty::Int, &Ty::Float).is_err());
    }

    #[test]
    fn an_empty_list_takes_the_type_of_what_joins_it() {
        let mut types = Types::default();
        let element = types.variable(0, 1, 0);
        let empty = Ty::list(element);
        assert_eq!(types.join(&empty, &Ty::list(Ty::Str)).unwrap(), Ty::list(Ty::Str));
        assert_eq!(types.resolve(&empty), Ty::list(Ty::Str));
        assert!(types.changed);
    }

    #[test]
    fn tuples_join_by_element() {
        let mut types = Types::default();
        let a = Ty::Tuple(vec![Ty::Int, Ty::Int]);
        let b = Ty::Tuple(vec![Ty::Float, Ty::Int]);
        let joined = types.join(&a, &b).unwrap();
        assert_eq!(types.show(&joined), "tuple[int | float, int]");
    }

    #[test]
    fn a_list_cannot_contain_itself() {
        let mut types = Types::default();
        let element = types.variable(0, 1, 0);
        assert!(types.unify(&element, &Ty::list(element.clone())).is_err());
    }
}
