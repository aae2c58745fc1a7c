//! Compiled code gives back what it holds when exceptions unwind it: a million of them fit into little memory.

use std::collections::BTreeMap;

use spm_compiler::{FunctionSource, ParameterType, Request, ValueType, compile, render};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder};

/// Above what the components begin with; far below what a million lost objects would take.
const MEMORY_BYTES: usize = 4 << 20;

/// Raised and caught in each turn of a loop; `g` holds objects while it is unwound.
const BODIES: &[&str] = &[
    "raise ValueError",
    "raise ValueError('text')",
    "raise ValueError('text ' + str(i), i, [i, i])",
    "int('x' + str(i))",
    "float('x')",
    "[1, 2][i + 2]",
    "{'a': 1}['b' + str(i)]",
    "{1: 1}[-i - 1]",
    "[str(i), str(i)].remove('no')",
    "[str(i), [str(j) for j in range(3)][i + 3]]",
    "(str(i), 'x' + str(i), 1 // (i - i))",
    "'a'.join([str(i), str(i + 1), str(1 // (i - i))])",
    "{str(i): [str(i)], str(i + 1): [str(1 // (i - i))]}",
    "g(i, [str(i)])",
    "h(i)",
    "bytes([i % 256, 256])",
    "format(i, 'zz')",
    "a, b = [str(i)]",
    "raise ValueError(str(i)) from KeyError(str(i))",
    "assert i < 0, str(i)",
    "'abc'.index(str(i) + 'x')",
    "set([i]).remove(-1)",
    "max([x for x in [i] if x < 0])",
];

const HELPERS: [&str; 2] = [
    "def g(i, xs):
    words = [str(i), str(i * 2)]
    texts = {word: [word] for word in words}
    for word in texts:
        more = word + str(i)
        if len(more) > 0:
            xs.append(more + str(1 // (i - i)))
    return len(xs)
",
    "def h(i):
    text = str(i)
    try:
        try:
            raise KeyError(text, [text])
        except KeyError as error:
            kept = error
            raise IndexError(text + '!') from error
        finally:
            text += str(i)
    except IndexError:
        try:
            raise
        finally:
            text = text + text
    return len(text)
",
];

fn source(body: &str) -> String {
    format!(
        "def f(n):
    caught = 0
    for i in range(n):
        try:
            {body}
        except Exception as error:
            caught += 1 if str(error) is not None else 0
    return caught
"
    )
}

fn function(name: &str, source: String) -> FunctionSource {
    let (name, file) = (name.to_owned(), "leaks.py".to_owned());
    FunctionSource { qualname: name.clone(), name, file, first_line: 1, source, column: 0 }
}

#[test]
fn caught_exceptions_leave_nothing_behind() {
    let mut config = Config::new();
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    let engine = Engine::new(&config).unwrap();
    for body in BODIES {
        let mut request = Request { recursion_limit: 1000, ..Request::default() };
        request.functions.push(function("f", source(body)));
        request.functions.push(function("g", HELPERS[0].to_owned()));
        request.functions.push(function("h", HELPERS[1].to_owned()));
        let names = [("g", 1), ("h", 2)];
        let names =
            names.map(|(name, index)| (name.to_owned(), spm_compiler::Captured::Function(index)));
        request.globals = vec![names.into(), BTreeMap::new(), BTreeMap::new()];
        let parameter = ParameterType { name: "n".to_owned(), value_type: ValueType::Int };
        request.parameters.push(parameter);
        let compiled = compile(&request).unwrap_or_else(|found| panic!("{}", render(&found)));
        let component = Component::new(&engine, &compiled.component).unwrap();
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store: Store<StoreLimits> = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let call = instance
            .get_typed_func::<(Vec<u8>,), (Result<Vec<u8>, Vec<u8>>,)>(&mut store, "call")
            .unwrap();
        // [1_000_000] in CBOR.
        let arguments = vec![0x81, 0x1a, 0x00, 0x0f, 0x42, 0x40];
        let (outcome,) = call.call(&mut store, (arguments,)).unwrap();
        let million = vec![0x1a, 0x00, 0x0f, 0x42, 0x40];
        assert_eq!(outcome, Ok(million), "after a million of `{body}`");
    }
}
