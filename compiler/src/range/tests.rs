//! Bounds of the counters of loops, and what follows from them.

use crate::{Captured, FunctionSource, ParameterType, Request, ValueType, compile};

/// How many overflow checks are left in a function of ints, and how many were proved unnecessary.
fn checks(source: &str, parameters: &[&str]) -> (usize, usize) {
    let function = FunctionSource {
        name: "f".to_owned(),
        qualname: "f".to_owned(),
        file: "f.py".to_owned(),
        first_line: 1,
        column: 0,
        source: source.to_owned(),
    };
    let builtins =
        ["range", "len"].map(|name| (name.to_owned(), Captured::Builtin(name.to_owned())));
    let request = Request {
        functions: vec![function],
        globals: vec![builtins.into_iter().collect()],
        parameters: parameters
            .iter()
            .map(|name| ParameterType { name: (*name).to_owned(), value_type: ValueType::Int })
            .collect(),
        classes: Vec::new(),
        recursion_limit: 1000,
    };
    let compiled = compile(&request).expect("the function compiles");
    let line = compiled.explain.lines().nth(1).expect("explained");
    let numbers: Vec<usize> =
        line.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    (numbers[0], numbers[1])
}

#[test]
fn a_counter_below_its_bound_cannot_overflow() {
    let source = "def f(n):\n    i = 0\n    while i < n:\n        i += 1\n    return i\n";
    assert_eq!(checks(source, &["n"]), (0, 1));
}

#[test]
fn a_sum_of_unknown_ints_can() {
    let source = "def f(n):\n    t = 0\n    for i in range(n):\n        t += i\n    return t\n";
    assert_eq!(checks(source, &["n"]), (1, 0));
}

#[test]
fn masks_and_remainders_bound_what_is_computed_from_them() {
    let source = "def f(a, b):\n    return (a % 1000) * (b & 0xFFFF) + 1\n";
    assert_eq!(checks(source, &["a", "b"]), (0, 2));
}

#[test]
fn branches_join_their_bounds() {
    let source = "def f(a):\n    x = 1\n    if a > 0:\n        x = 100\n    return x * x + x\n";
    assert_eq!(checks(source, &["a"]), (0, 2));
}

#[test]
fn an_assignment_in_the_loop_is_seen_at_its_head() {
    let source =
        "def f(n):\n    x = 1\n    while n > 0:\n        x = x * 3\n        n -= 1\n    return x\n";
    // `n - 1` is proved by the condition; `x * 3` is not.
    assert_eq!(checks(source, &["n"]), (1, 1));
}

#[test]
fn what_only_counts_never_reaches_64_bits() {
    let source = "def f(n):\n    c = 0\n    while n != 1:\n        n = n // 2 if n % 2 else 5\n        c += 1\n    return c\n";
    assert_eq!(checks(source, &["n"]), (0, 1));
    let source = source.replace("c += 1", "c += 5");
    assert_eq!(checks(&source, &["n"]), (1, 0), "by larger steps it might");
    let source = source.replace("c = 0", "c = n").replace("c += 5", "c += 1");
    assert_eq!(checks(&source, &["n"]), (1, 0), "it may begin anywhere");
}
