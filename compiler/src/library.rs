//! Modules of the standard library that are written in Python, in `library/*.py`.
//!
//! A function whose name begins with `_` is compiled as the user's helpers are, for the types of each
//! call. All others are templates: a call is replaced by the body, so that what is passed for a
//! parameter annotated `Call` is called where it stands, and what is passed for one annotated `Iter` is
//! iterated over without being made. `given(parameter)` is whether the call passes it. A template that
//! yields is a stream (`lower/stream.rs`): the body of the loop takes the place of `yield`.
//!
//! Frames of helpers are in [`FILE`] and are not shown, as `CPython` has none for functions in C.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::request::{Captured, FunctionSource, Request};

/// The file of functions that are not the user's.
pub(crate) const FILE: &str = "<spm>";

const MODULES: &[(&str, &str)] = &[
    ("bisect", include_str!("library/bisect.py")),
    ("collections", include_str!("library/collections.py")),
    ("functools", include_str!("library/functools.py")),
    ("heapq", include_str!("library/heapq.py")),
    ("itertools", include_str!("library/itertools.py")),
    ("operator", include_str!("library/operator.py")),
    ("random", include_str!("library/random.py")),
];

/// Modules whose members are known elsewhere than here.
const OTHERS: &[&str] = &["contextlib", "string"];

/// Modules that the library itself uses.
pub(crate) const USED: &[&str] = &["collections", "math", "random"];

/// What to say of imports of other modules.
pub(crate) const IMPORTABLE: &str = "the README says which modules a closure can import";

/// Whether something of a module is known.
pub(crate) fn is_known(module: &str) -> bool {
    MODULES.iter().any(|(name, _)| *name == module) || OTHERS.contains(&module)
}

/// The name under which the documentation has a member: `heapq.heappush` for `_heapq.heappush`.
pub(crate) fn canonical(dotted: &str) -> Cow<'_, str> {
    let public = dotted
        .strip_prefix('_')
        .filter(|rest| rest.split_once('.').is_some_and(|(module, _)| is_known(module)));
    let dotted = public.unwrap_or(dotted);
    Cow::Borrowed(match dotted {
        "bisect.bisect" => "bisect.bisect_right",
        "bisect.insort" => "bisect.insort_right",
        "itertools.chain.from_iterable" => "itertools.chain_from_iterable",
        other => other,
    })
}

/// The text of a function.
pub(crate) fn function(dotted: &str) -> Option<&'static str> {
    let (module, name) = dotted.split_once('.')?;
    let (_, text) = MODULES.iter().find(|(known, _)| *known == module)?;
    functions(text).find(|(known, _)| *known == name).map(|(_, text)| text)
}

/// Names and texts of a module's functions.
fn functions(module: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    module.split("\n\n\n").filter_map(|text| {
        let rest = text.strip_prefix("def ")?;
        Some((rest.split('(').next()?, text))
    })
}

/// The request with the helpers that its functions may need.
pub(crate) fn with_helpers(request: &Request) -> Cow<'_, Request> {
    let mut mentioned: Vec<&str> =
        request.functions.iter().map(|function| function.source.as_str()).collect();
    for captured in request.globals.iter().flat_map(BTreeMap::values) {
        if let Captured::Module(name) | Captured::ModuleMember(name) = captured {
            mentioned.push(name);
        }
    }
    let mentions = |word: &str| mentioned.iter().any(|text| text.contains(word));
    let mut helpers: Vec<(&str, &str)> = Vec::new();
    for (module, text) in MODULES.iter().filter(|(module, _)| mentions(module)) {
        let own: Vec<_> = functions(text).filter(|(name, _)| name.starts_with('_')).collect();
        let templates = functions(text).filter(|(name, _)| {
            !name.starts_with('_')
                && (matches!(*module, "collections" | "itertools") || mentions(name))
        });
        let mut pending: Vec<&str> = templates.map(|(_, text)| text).collect();
        let mut found = BTreeSet::new();
        while let Some(text) = pending.pop() {
            for (name, helper) in &own {
                if text.contains(&format!("{name}(")) && found.insert(*name) {
                    pending.push(helper);
                }
            }
        }
        helpers.extend(own.into_iter().filter(|(name, _)| found.contains(name)));
    }
    if helpers.is_empty() {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    let first = request.functions.len();
    let numbers = helpers.iter().zip(first..);
    let mut globals: BTreeMap<String, Captured> =
        numbers.map(|((name, _), index)| ((*name).to_owned(), Captured::Function(index))).collect();
    globals
        .extend(USED.iter().map(|name| ((*name).to_owned(), Captured::Module((*name).to_owned()))));
    request.globals.resize(first, BTreeMap::new());
    for (name, text) in helpers {
        request.functions.push(source_of(name, text));
        request.globals.push(globals.clone());
    }
    Cow::Owned(request)
}

/// A function as the parser takes it.
pub(crate) fn source_of(name: &str, text: &str) -> FunctionSource {
    FunctionSource {
        name: name.to_owned(),
        qualname: name.to_owned(),
        file: FILE.to_owned(),
        first_line: 1,
        column: 0,
        source: text.to_owned(),
    }
}

/// The text of a stream that takes any number of iterables, or gives tuples of a known length.
pub(crate) fn stream_of_many(name: &str, iterables: usize, size: usize) -> String {
    let parameters: Vec<String> = (0..iterables).map(|at| format!("a{at}: Iter")).collect();
    let mut parameters = parameters.join(", ");
    let mut body = String::new();
    let mut line = |depth: usize, text: &str| {
        body.push_str(&"    ".repeat(depth + 1));
        body.push_str(text);
        body.push('\n');
    };
    let tuple = |item: &dyn Fn(usize) -> String, count: usize| {
        let items: Vec<String> = (0..count).map(|at| item(at) + ",").collect();
        format!("({})", items.join(" "))
    };
    if name == "chain" {
        for at in 0..iterables {
            line(0, &format!("for x{at} in a{at}:"));
            line(1, &format!("yield x{at}"));
        }
        if iterables == 0 {
            line(0, "if False:");
            line(1, "yield None");
        }
        return format!("def {name}({parameters}):\n{body}");
    }
    for at in 0..iterables {
        line(0, &format!("p{at} = [x for x in a{at}]"));
    }
    match name {
        "product" => {
            let repeat = size;
            for at in 0..iterables * repeat {
                line(at, &format!("for x{at} in p{}:", at % iterables));
            }
            let item = |at: usize| format!("x{at}");
            let depth = iterables * repeat;
            line(depth, &format!("yield {}", tuple(&item, depth)));
        }
        "zip_longest" => {
            parameters.push_str(if iterables == 0 {
                "*, fillvalue=None"
            } else {
                ", *, fillvalue=None"
            });
            line(0, "longest = 0");
            for at in 0..iterables {
                line(0, &format!("longest = max(longest, len(p{at}))"));
            }
            line(0, "for i in range(longest):");
            let item = |at: usize| format!("p{at}[i] if i < len(p{at}) else fillvalue");
            line(1, &format!("yield {}", tuple(&item, iterables)));
        }
        _ => {
            line(0, "length = len(p0)");
            for at in 0..size {
                let from = match (name, at) {
                    ("combinations", 1..) => format!("i{} + 1, ", at - 1),
                    ("combinations_with_replacement", 1..) => format!("i{}, ", at - 1),
                    _ => String::new(),
                };
                line(2 * at, &format!("for i{at} in range({from}length):"));
                let others: Vec<String> = match name {
                    "permutations" => (0..at).map(|other| format!("i{at} != i{other}")).collect(),
                    _ => Vec::new(),
                };
                let test = if others.is_empty() { "True".to_owned() } else { others.join(" and ") };
                line(2 * at + 1, &format!("if {test}:"));
            }
            let item = |at: usize| format!("p0[i{at}]");
            line(2 * size, &format!("yield {}", tuple(&item, size)));
        }
    }
    format!("def {name}({parameters}):\n{body}")
}
