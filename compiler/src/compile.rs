//! From a request to a component: parse, type, analyse, emit, link.

use spm_protocol::lines::{self, LineTable};

use crate::diagnostics::{Code, Diagnostic};
use crate::emit;
use crate::explain;
use crate::library;
use crate::link::{self, UserModule};
use crate::lower::{self, inner};
use crate::pack;
use crate::parse;
use crate::range;
use crate::request::{Compiled, Request};
use crate::source::Source;
use crate::types::ValueType;

/// The world every component implements, as text.
const WIT: &str = include_str!("../../wit/closure.wit");

/// Compiles the entry and all it reaches.
///
/// # Errors
/// Everything that is wrong with the functions, sorted by file and line.
pub fn compile(request: &Request) -> Result<Compiled, Vec<Diagnostic>> {
    let request = &*library::with_helpers(request);
    let mut problems = Vec::new();
    let mut asts = Vec::new();
    let callbacks = lower::callback_sources(request);
    for function in request.functions.iter().chain(&callbacks) {
        match parse::parse(function) {
            Ok((ast, found)) => asts.push((ast, function.clone(), found)),
            Err(found) => problems.extend(found),
        }
    }
    if asts.len() != request.functions.len() + callbacks.len() || asts.is_empty() {
        return Err(sorted(problems));
    }
    let inner = inner::find(&asts);
    let outer = asts.into_iter().zip(request.functions.iter().chain(&callbacks));
    let outer = outer.map(|((ast, _, found), function)| (ast, Source::new(function), found));
    let outer = outer.collect();
    let parsed = inner::with_sources(outer, &inner);
    let lowered = match lower::lower(request, &parsed) {
        Ok(lowered) => lowered,
        Err(found) => {
            problems.extend(found);
            return Err(sorted(problems));
        }
    };
    let mut program = lowered.program;
    for function in &mut program.functions {
        range::analyze(function);
    }
    let explain = explain::explain(&mut program, &parsed, &lowered.types);
    program.functions.iter_mut().for_each(pack::pack);
    let module = emit::emit(&mut program, &parsed, request);
    let result = lowered.types.value_type(&lowered.result);
    finish(request, &module, result, explain).map_err(|message| {
        let entry = &parsed[0];
        vec![entry.source.diagnostic(Code::TooComplex, entry.ast.name_span, message, None)]
    })
}

fn finish(
    request: &Request,
    module: &UserModule,
    result: ValueType,
    explain: String,
) -> Result<Compiled, String> {
    let component = link::link(module).map_err(|error| error.to_string())?;
    let lines = line_table(&component);
    let parameters =
        request.parameters.iter().map(|parameter| parameter.value_type.clone()).collect();
    Ok(Compiled { component, lines, wit: WIT.to_owned(), result, parameters, explain })
}

/// The line table that the linker put into the component.
fn line_table(component: &[u8]) -> LineTable {
    let mut sections = wasmparser::Parser::new(0).parse_all(component).filter_map(Result::ok);
    let found = sections.find_map(|payload| match payload {
        wasmparser::Payload::CustomSection(section) if section.name() == lines::SECTION => {
            LineTable::from_bytes(section.data()).ok()
        }
        _ => None,
    });
    found.unwrap_or_default()
}

fn sorted(mut problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    problems.sort();
    problems.dedup();
    problems
}
