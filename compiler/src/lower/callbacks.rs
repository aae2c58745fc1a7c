//! What the runtime asks of objects inside of containers: whether two are equal, their hashes, their texts. The functions
//! that answer are written in Python, at the end of those of the request.

use super::Lowerer;
use super::captured::literal_type;
use crate::abi::op;
use crate::ir::{Argument, Callback, Op, St};
use crate::parse;
use crate::request::{FunctionSource, Literal, Request};
use crate::ty::Ty;
use crate::visit;

/// Their sources, in the order of [`position`].
const SOURCES: &[&str] = &[
    "def compare(a, b):\n    return bool(a < b)\n",
    "def compare(a, b):\n    return bool(a <= b)\n",
    "def compare(a, b):\n    return bool(a == b)\n",
    "def compare(a, b):\n    return bool(a != b)\n",
    "def compare(a, b):\n    return bool(a > b)\n",
    "def compare(a, b):\n    return bool(a >= b)\n",
    "def text(a):\n    return repr(a)\n",
    "def text(a):\n    return str(a)\n",
    "def number(a):\n    return hash(a)\n",
];

/// What `iter` makes: of a value, of a dict or set that had so many items, and of a range.
const ITERATORS: &[&str] = &[
    "def iterate(a):\n    for x in a:\n        yield x\n",
    "def iterate(a, size, text):\n    if len(a) != size:\n        raise RuntimeError(text)\n    for x in a:\n        yield x\n",
    "def iterate(a, b, c):\n    for x in range(a, b, c):\n        yield x\n",
];

/// The sources as functions of the request, if there are objects or iterators.
pub(crate) fn sources(request: &Request) -> Vec<FunctionSource> {
    let iterates = request.functions.iter().any(|function| function.source.contains("iter("));
    if request.classes.is_empty() && !iterates {
        return Vec::new();
    }
    let source = |text: &&str| FunctionSource {
        name: if ITERATORS.contains(text) { parse::ITERATOR } else { "<spm>" }.to_owned(),
        qualname: "<spm>".to_owned(),
        file: "<spm>".to_owned(),
        first_line: 1,
        column: 0,
        source: (*text).to_owned(),
    };
    SOURCES.iter().chain(ITERATORS).map(source).collect()
}

/// The number of a function that makes iterators, counted from the functions of the request.
pub(super) fn iterator(which: usize) -> usize {
    SOURCES.len() + which
}

fn position(callback: Callback) -> usize {
    match callback {
        Callback::Compare(_, operator) => operator as usize,
        Callback::Repr(_) => 6,
        Callback::Str(_) => 7,
        Callback::Hash(_) => 8,
    }
}

/// What a call of the runtime may ask of the objects in what it is given.
#[derive(Default, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
struct Asks {
    comparisons: &'static [u32],
    own_operator: bool,
    repr: bool,
    str: bool,
    hash: bool,
}

fn asks(name: &str) -> Asks {
    let asks = Asks::default();
    match name {
        "compare" => Asks { comparisons: &[op::EQ], own_operator: true, ..asks },
        "list_extreme" => Asks { comparisons: &[op::EQ], own_operator: true, ..asks },
        "list_sort" | "list_sort_by" => Asks { comparisons: &[op::EQ, op::LT], ..asks },
        "list_contains" | "list_count" => Asks { comparisons: &[op::EQ], ..asks },
        "list_index" | "list_remove" => Asks { comparisons: &[op::EQ], repr: true, ..asks },
        "value_repr" => Asks { repr: true, ..asks },
        "value_str" | "value_format" => Asks { repr: true, str: true, ..asks },
        "value_hash" => Asks { hash: true, ..asks },
        "release" | "incref" | "raise_value" | "raise_args" | "list_append" | "list_slice" => asks,
        _ if name.starts_with("dict_")
            || name.starts_with("set_")
            || name.starts_with("table_") =>
        {
            Asks { comparisons: &[op::EQ], hash: true, repr: true, ..asks }
        }
        _ if name.starts_with("team_") => {
            Asks { comparisons: &[op::EQ, op::LT, op::GT], hash: true, ..asks }
        }
        _ => asks,
    }
}

/// The families of objects among the keys of the tables in a type; all, if it is no container.
fn keys(ty: &Ty, seen: &mut Vec<u32>) {
    match ty {
        Ty::Set(a) => families(a, seen),
        Ty::Dict(a, b) => {
            families(a, seen);
            keys(b, seen);
        }
        Ty::List(a) | Ty::VTuple(a) => keys(a, seen),
        Ty::Tuple(items) | Ty::Union(items) => {
            for item in items {
                keys(item, seen);
            }
        }
        _ => {}
    }
}

/// The families of objects in a type.
fn families(ty: &Ty, seen: &mut Vec<u32>) {
    match ty {
        Ty::Object(family) if !seen.contains(&family.root) => seen.push(family.root),
        Ty::List(a) | Ty::Set(a) | Ty::VTuple(a) => families(a, seen),
        Ty::Dict(a, b) => {
            families(a, seen);
            families(b, seen);
        }
        Ty::Tuple(items) | Ty::Union(items) => {
            for item in items {
                families(item, seen);
            }
        }
        _ => {}
    }
}

impl Lowerer<'_> {
    /// Types of attributes, as far as arguments tell.
    pub(super) fn seed_fields(&mut self) {
        for class in 0..self.classes.list.len() {
            let class = self.classes.list[class].clone();
            if let Some(enumeration) = &class.source.enumeration {
                self.seed_members(class.root, &enumeration.members);
                continue;
            }
            for (name, value_type) in &class.source.fields {
                let known = (class.root, name.clone());
                let old = self.fields.get(&known).cloned().unwrap_or(Ty::Never);
                if let Ok(joined) = self.types.join(&old, &Ty::from(value_type)) {
                    self.fields.insert(known, joined);
                }
            }
        }
    }

    /// Types of the attributes of an enumeration's members.
    fn seed_members(&mut self, root: u32, members: &[(String, Literal)]) {
        let mut value = Ty::Never;
        for (_, literal) in members {
            let Ok(ty) = literal_type(literal, &mut self.types) else { continue };
            value = self.types.join(&value, &ty).unwrap_or(value);
        }
        for (name, ty) in [("name", Ty::Str), ("value", value)] {
            self.fields.insert((root, name.to_owned()), ty.clone());
            self.fields.insert((root, format!("_{name}_")), ty);
        }
    }

    /// Notes what the runtime may ask when it is called from these statements.
    pub(super) fn reach_callbacks(&mut self, body: &mut [St]) {
        if self.classes.list.is_empty() {
            return;
        }
        let mut wanted = Vec::new();
        visit::every_expression(body, &mut |expression| {
            let Op::Runtime(name, arguments) = &expression.op else { return };
            let asks = asks(name);
            let operator = arguments.iter().rev().find_map(|argument| match argument {
                Argument::Num(number) => Some(*number),
                _ => None,
            });
            let mut roots = Vec::new();
            let mut hashed = Vec::new();
            for argument in arguments {
                if let Argument::Desc(ty) = argument {
                    families(ty, &mut roots);
                    if *name == "value_hash" {
                        families(ty, &mut hashed);
                    } else {
                        keys(ty, &mut hashed);
                    }
                }
            }
            if asks.hash {
                wanted.extend(hashed.into_iter().map(Callback::Hash));
            }
            for root in roots {
                let own = operator.filter(|_| asks.own_operator);
                for comparison in asks.comparisons.iter().copied().chain(own) {
                    wanted.push(Callback::Compare(root, comparison));
                }
                wanted.extend(asks.repr.then_some(Callback::Repr(root)));
                wanted.extend(asks.str.then_some(Callback::Str(root)));
            }
        });
        for callback in wanted {
            let (Callback::Compare(root, _)
            | Callback::Repr(root)
            | Callback::Str(root)
            | Callback::Hash(root)) = callback;
            // Generators have no answers; that they are asked is reported.
            if self.callbacks.contains_key(&callback) || self.resumed.contains_key(&root) {
                continue;
            }
            let ty = self.classes.instance(root as usize);
            let count = if let Callback::Compare(..) = callback { 2 } else { 1 };
            let function = self.request.functions.len() + position(callback);
            let instance = self.reach(function, vec![ty; count]);
            self.callbacks.insert(callback, instance);
        }
    }
}
