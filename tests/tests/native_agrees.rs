//! Compiled functions agree with `CPython`: same value bit for bit, same exception, same output.
//!
//! The cases are Python (`native/cases.py`); `CPython` is asked once for all of them.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value as Json;
use spm_compiler::{
    Captured, FunctionSource, Literal, ParameterType, Request, annotations, compile, render,
};
use spm_host::sandbox::hides_nans;
use spm_protocol::lines::LineTable;
use spm_protocol::raised::{BUILTIN_EXCEPTIONS, CLASS_TABLE_BASE, Raised, RaisedFrame};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

/// The outcomes of `CPython`, one line for each function.
fn oracle(cases: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/native");
    let output = Command::new("python3")
        .arg(format!("{folder}/oracle.py"))
        .arg(format!("{folder}/{cases}"))
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the oracle writes UTF-8")
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn literal(json: &Json) -> Literal {
    let items = |json: &Json| json.as_array().unwrap().iter().map(literal).collect::<Vec<_>>();
    match json {
        Json::Null => Literal::None,
        Json::Bool(value) => Literal::Bool(*value),
        Json::String(text) => Literal::Str(text.clone()),
        Json::Object(object) => {
            let (kind, inner) = object.iter().next().unwrap();
            match kind.as_str() {
                "int" => Literal::Int(inner.as_str().unwrap().parse().unwrap()),
                "float" => {
                    let bits = u64::from_str_radix(inner.as_str().unwrap(), 16).unwrap();
                    Literal::Float(f64::from_bits(bits))
                }
                "list" => Literal::List(items(inner)),
                "tuple" => Literal::Tuple(items(inner)),
                "set" => Literal::Set(items(inner)),
                _ => {
                    let pairs = inner.as_array().unwrap().iter();
                    Literal::Dict(
                        pairs.map(|pair| (literal(&pair[0]), literal(&pair[1]))).collect(),
                    )
                }
            }
        }
        other => panic!("no literal: {other}"),
    }
}

fn captured(json: &Json) -> Captured {
    let (kind, inner) = json.as_object().unwrap().iter().next().unwrap();
    let text = || inner.as_str().unwrap().to_owned();
    match kind.as_str() {
        "function" => Captured::Function(usize::try_from(inner.as_u64().unwrap()).unwrap()),
        "module" => Captured::Module(text()),
        "member" => Captured::ModuleMember(text()),
        "exception" => {
            let classes = inner["classes"].as_array().unwrap().iter();
            let class = |pair: &Json| {
                let number = u32::try_from(pair[0].as_u64().unwrap()).unwrap();
                (number, pair[1].as_str().unwrap().to_owned())
            };
            let base = inner["base"].as_str().unwrap().to_owned();
            Captured::Exception { classes: classes.map(class).collect(), base }
        }
        _ => Captured::Value(literal(inner)),
    }
}

/// The request for a function of the cases.
fn request(line: &Json) -> Request {
    let mut request = Request { recursion_limit: 1000, ..Request::default() };
    for function in line["functions"].as_array().unwrap() {
        let name = function["name"].as_str().unwrap().to_owned();
        request.functions.push(FunctionSource {
            qualname: name.clone(),
            name,
            file: "cases.py".to_owned(),
            first_line: 1,
            column: 0,
            source: function["source"].as_str().unwrap().to_owned(),
        });
        let names = function["captured"].as_object().unwrap().iter();
        let names: BTreeMap<String, Captured> =
            names.map(|(name, value)| (name.clone(), captured(value))).collect();
        request.globals.push(names);
    }
    // The types come as Python writes them.
    let types = line["types"].as_array().unwrap().iter().enumerate();
    let parameters: Vec<String> =
        types.map(|(index, ty)| format!("p{index}: {}", ty.as_str().unwrap())).collect();
    let source = format!("def f({}): pass", parameters.join(", "));
    let function = FunctionSource { source, first_line: 1, ..FunctionSource::default() };
    for (name, value_type) in annotations(&function).unwrap() {
        let value_type = value_type.expect("the types of the cases are known");
        request.parameters.push(ParameterType { name, value_type });
    }
    request
}

/// A closure in an engine, with what it prints.
struct Closure {
    engine: Engine,
    component: Component,
    linker: Linker<Vec<u8>>,
}

impl Closure {
    fn new(engine: &Engine, component: &[u8]) -> Self {
        let mut linker = Linker::new(engine);
        let mut log = linker.instance("spm:closure/log@0.1.0").unwrap();
        log.func_wrap(
            "print",
            |mut store: wasmtime::StoreContextMut<'_, Vec<u8>>, (text,): (Vec<u8>,)| {
                store.data_mut().extend(text);
                Ok(())
            },
        )
        .unwrap();
        let component = Component::new(engine, component).expect("a valid component");
        Self { engine: engine.clone(), component, linker }
    }

    /// The outcome, and what was printed.
    fn call(&self, arguments: Vec<u8>) -> Result<(Outcome, String), wasmtime::Error> {
        let mut store = Store::new(&self.engine, Vec::new());
        let instance = self.linker.instantiate(&mut store, &self.component).unwrap();
        let call = instance.get_typed_func::<(Vec<u8>,), (Outcome,)>(&mut store, "call").unwrap();
        let (outcome,) = call.call(&mut store, (arguments,))?;
        Ok((outcome, String::from_utf8(store.into_data()).unwrap()))
    }
}

/// What `call` returns: a result, or the record of an exception.
type Outcome = Result<Vec<u8>, Vec<u8>>;

/// The name of a class; `classes` are those of the user's.
fn class_name(class: u32, classes: &Json) -> String {
    let builtin = BUILTIN_EXCEPTIONS.get(class as usize).map(|name| (*name).to_owned());
    builtin.unwrap_or_else(|| {
        classes[(class - CLASS_TABLE_BASE) as usize].as_str().unwrap().to_owned()
    })
}

/// An exception as the oracle tells it, with all it is chained to.
fn chain(raised: &Raised, lines: &LineTable, classes: &Json) -> String {
    let inner = |raised: &Option<Box<Raised>>| match raised {
        Some(raised) => chain(raised, lines, classes),
        None => "none".to_owned(),
    };
    let class = class_name(raised.class, classes);
    let frames = raised.frames.iter().rev().map(|frame| match frame {
        RaisedFrame::Site(site) => lines.sites[*site as usize].line,
        RaisedFrame::Source(frame) => frame.line,
    });
    let frames: Vec<u32> = frames.collect();
    let cause = inner(&raised.cause);
    let context = if raised.context_is_cause { cause.clone() } else { inner(&raised.context) };
    let suppresses = raised.suppress_context;
    format!("{class} at {frames:?} from {cause} in {context} {suppresses}")
}

/// What is wrong with a call, if anything.
fn check(
    closure: &Closure,
    call: &Json,
    lines: &LineTable,
    classes: &Json,
    may_leave: bool,
) -> Option<String> {
    let text = |key: &str| call[key].as_str().unwrap_or_default();
    let (outcome, printed) = match closure.call(bytes(text("arguments"))) {
        Ok(ended) => ended,
        Err(trap) => return Some(format!("{}: {trap:?}", text("call"))),
    };
    let problem = match outcome {
        Ok(value) if call["returned"].is_string() => {
            (value != bytes(text("returned"))).then(|| format!("returned {value:02x?}"))
        }
        Ok(value) => Some(format!("returned {value:02x?}")),
        Err(record) => {
            let raised = Raised::from_bytes(&record).expect("a valid record");
            if raised.trap.is_some() {
                let fine = may_leave || call["left"] == Json::Bool(true);
                return (!fine).then(|| format!("{}: left native code: {raised:?}", text("call")));
            }
            let class = class_name(raised.class, classes);
            let arguments = if raised.args.is_empty() { vec![0x80] } else { raised.args.clone() };
            let same = class == text("class") && arguments == bytes(text("args"));
            let found = chain(&raised, lines, classes);
            // Deep recursions leave frames out.
            if same && found != text("chain") && raised.frames_left_out == 0 {
                Some(format!("raised {found}"))
            } else {
                (!same).then(|| format!("raised {class} with {arguments:02x?}"))
            }
        }
    };
    let problem =
        problem.or_else(|| (printed != text("printed")).then(|| format!("printed {printed:?}")))?;
    Some(format!("{}: {problem}; CPython: {call}", text("call")))
}

/// Engines that replace computed NaNs, and that do not.
fn engines() -> [Engine; 2] {
    [true, false].map(|is_replaced| {
        let mut config = Config::new();
        config.cranelift_nan_canonicalization(is_replaced);
        Engine::new(&config).unwrap()
    })
}

#[test]
fn computed_nans_are_the_same_everywhere_and_others_keep_their_bits() {
    let source = "def f(xs):
    x = xs[0]
    y = xs[1] - xs[1]
    rows = [(x, y), (y * x, -y)]
    signs = [math.copysign(1.0, y), math.copysign(1.0, y * 2.0), math.copysign(1.0, xs[2])]
    xs.append(y)
    return (x, y, rows, signs, xs)
";
    let value_type = annotations(&FunctionSource {
        source: "def f(xs: list[float]): pass".to_owned(),
        first_line: 1,
        ..FunctionSource::default()
    })
    .unwrap();
    let mut request = Request { recursion_limit: 1000, ..Request::default() };
    request.functions.push(FunctionSource {
        name: "f".to_owned(),
        qualname: "f".to_owned(),
        file: "f.py".to_owned(),
        source: source.to_owned(),
        first_line: 1,
        ..FunctionSource::default()
    });
    request.globals.push([("math".to_owned(), Captured::Module("math".to_owned()))].into());
    for (name, value_type) in value_type {
        request.parameters.push(ParameterType { name, value_type: value_type.unwrap() });
    }
    let compiled = compile(&request).map_err(|found| render(&found)).unwrap();
    assert!(hides_nans(&compiled.component));
    let float = |bits: u64| [&[0xfb][..], &bits.to_be_bytes()].concat();
    let (payload, infinite) = (float(0xfff4_0000_dead_beef), float(f64::INFINITY.to_bits()));
    let (nan, minus_nan) = (float(0x7ff8_0000_0000_0000), float(0xfff8_0000_0000_0000));
    let (one, minus_one) = (float(1f64.to_bits()), float((-1f64).to_bits()));
    let list = |items: &[&Vec<u8>]| {
        let mut bytes = vec![0x80 | items.len() as u8];
        for item in items {
            bytes.extend(*item);
        }
        bytes
    };
    let tuple = |items: &[&Vec<u8>]| [&[0xd9, 0xb1, 0x00][..], &list(items)].concat();
    let xs = list(&[&payload, &infinite, &minus_nan]);
    let expected = tuple(&[
        &payload,
        &nan,
        &list(&[&tuple(&[&payload, &nan]), &tuple(&[&nan, &nan])]),
        &list(&[&one, &one, &minus_one]),
        &list(&[&payload, &infinite, &minus_nan, &nan]),
    ]);
    for engine in engines() {
        let closure = Closure::new(&engine, &compiled.component);
        let (outcome, _) = closure.call(list(&[&xs])).expect("no trap");
        assert_eq!(outcome, Ok(expected.clone()));
    }
}

#[test]
fn code_of_the_runtime_shows_no_computed_nans() {
    for body in [
        "math.exp(x) + math.log(x, 3.0) + math.log10(x) + math.log2(x)",
        "math.sin(x) + math.cos(x) + math.tan(x) + math.atan2(x, x)",
        "math.sinh(x) + math.tanh(x) + math.acosh(x) + math.cbrt(x)",
        "math.gamma(x) + math.lgamma(x) + math.erf(x) + math.erfc(x)",
        "math.sqrt(x) + math.hypot(x, x) + math.fsum([x, x]) + math.frexp(x)[0]",
        "math.copysign(x, x * x) + math.fmod(x, x) + math.ldexp(x * x, n)",
        "random.gauss(x, x) + random.random()",
        "x ** x + x % 3.0 + x // x + n / 3 + n ** -1.5",
        "{x * x: x + x}, {x - x}, [x * x], (x * x, n)",
        "f\"{x * x} {x - x:.3e}\"",
    ] {
        let captured =
            serde_json::json!({"math": {"module": "math"}, "random": {"module": "random"}});
        let source = format!("def f(x, n):\n    return {body}\n");
        let function = serde_json::json!({"name": "f", "source": source, "captured": captured});
        let line = serde_json::json!({"functions": [function], "types": ["float", "int"]});
        let compiled = compile(&request(&line)).map_err(|found| render(&found)).unwrap();
        assert!(hides_nans(&compiled.component), "{body}");
    }
}

#[test]
fn compiled_functions_agree_with_cpython() {
    let (calls, hiding) = agree("cases.py");
    assert!(calls > 1000, "only {calls} calls were compared");
    assert!(hiding > 50, "only {hiding} closures hide their NaNs");
}

#[test]
fn exceptions_agree_with_cpython() {
    for cases in ["exceptions.py", "handlers.py"] {
        let (calls, _) = agree(cases);
        assert!(calls > 80, "only {calls} calls of {cases} were compared");
    }
}

#[test]
fn random_programs_agree_with_cpython() {
    let (calls, _) = agree("random_exceptions.py");
    assert!(calls > 200, "only {calls} calls were compared");
}

#[test]
fn statements_agree_with_cpython() {
    let (calls, _) = agree("statements.py");
    assert!(calls > 140, "only {calls} calls were compared");
}

/// Compares all cases of a file. How many calls there were, and how many closures hide their NaNs.
fn agree(cases: &str) -> (usize, usize) {
    // As hosts have it, so that a NaN is the same NaN everywhere.
    let engines = engines();
    let mut hiding = 0;
    let mut problems = Vec::new();
    let mut calls = 0;
    for line in oracle(cases).lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let name = line["functions"][0]["name"].as_str().unwrap();
        let request = request(&line);
        let compiled = match compile(&request) {
            Ok(compiled) => compiled,
            Err(found) => {
                problems.push(format!("{name} does not compile:\n{}", render(&found)));
                continue;
            }
        };
        assert_eq!(compile(&request).as_ref(), Ok(&compiled), "{name}: same request, same bytes");
        let hides_nans = hides_nans(&compiled.component);
        hiding += usize::from(hides_nans);
        let closure = Closure::new(&engines[usize::from(hides_nans)], &compiled.component);
        let may_leave = line["may_leave"].as_bool().unwrap();
        for call in line["calls"].as_array().unwrap() {
            calls += 1;
            problems.extend(check(&closure, call, &compiled.lines, &line["classes"], may_leave));
        }
    }
    assert!(
        problems.is_empty(),
        "{} of {calls} calls differ:\n{}",
        problems.len(),
        problems.join("\n")
    );
    (calls, hiding)
}
