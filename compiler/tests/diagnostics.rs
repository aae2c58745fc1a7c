//! What a user reads about functions that the compiler refuses: each `reject/*.py` has one snapshot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use spm_compiler::{FunctionSource, ParameterType, Request, ValueType, compile, render};

#[test]
fn rejected_functions_explain_themselves() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reject");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 25, "the fixtures are there");
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let function = FunctionSource {
            name: "f".to_owned(),
            qualname: "f".to_owned(),
            file: format!("{name}.py"),
            first_line: 1,
            column: 0,
            source: fs::read_to_string(&path).unwrap(),
        };
        let request = Request {
            functions: vec![function],
            globals: vec![BTreeMap::new()],
            parameters: vec![ParameterType { name: "x".to_owned(), value_type: ValueType::Int }],
            classes: Vec::new(),
            recursion_limit: 1000,
        };
        let diagnostics = compile(&request).expect_err(&name);
        insta::assert_snapshot!(name, render(&diagnostics));
    }
}
