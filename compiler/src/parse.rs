//! The only module that knows the parser: from source text to our own tree.
//!
//! What the language leaves out is reported here, where its syntax is known, and replaced by
//! [`ExprKind::Error`], so that later passes report only what is left.

mod expression;
mod matching;
mod statement;

use ruff_python_ast as py;
use ruff_python_parser as parser;
use ruff_text_size::{Ranged, TextRange};

use crate::ast::{Expr, ExprKind, Function, NodeId, Span};
use crate::diagnostics::{Code, Diagnostic};
use crate::library;
use crate::request::FunctionSource;
use crate::source::Source;

/// The name of our own functions that make iterators.
pub(crate) const ITERATOR: &str = "iterate";

/// Parses a function. The second value is what was refused; the tree is whole either way.
pub(crate) fn parse(
    function: &FunctionSource,
) -> Result<(Function, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = Source::new(function);
    let mut converter =
        Converter { source: &source, diagnostics: Vec::new(), next: 0, yields: false };
    let text = function.source.as_str();
    if text.trim_start().starts_with("lambda") {
        let parsed = parser::parse_expression(text).map_err(|error| syntax(&source, &error))?;
        return match parsed.into_expr() {
            py::Expr::Lambda(lambda) => {
                let function = converter.lambda(&lambda);
                Ok((function, converter.diagnostics))
            }
            other => Err(vec![not_a_function(&source, other.range())]),
        };
    }
    let parsed = parser::parse_module(text).map_err(|error| syntax(&source, &error))?;
    let suite = parsed.into_suite();
    match suite.first() {
        Some(py::Stmt::FunctionDef(definition)) if suite.len() == 1 => {
            let function = converter.function(definition);
            Ok((function, converter.diagnostics))
        }
        Some(other) => Err(vec![not_a_function(&source, other.range())]),
        None => Err(vec![not_a_function(&source, TextRange::default())]),
    }
}

/// Parses an annotation given as text, as in `"list[int]"`.
pub(crate) fn parse_annotation(text: &str) -> Option<Expr> {
    let parsed = parser::parse_expression(text).ok()?;
    let function = FunctionSource { source: text.to_owned(), ..FunctionSource::default() };
    let source = Source::new(&function);
    let mut converter =
        Converter { source: &source, diagnostics: Vec::new(), next: 0, yields: false };
    let expression = converter.expression(parsed.expr());
    converter.diagnostics.is_empty().then_some(expression)
}

fn syntax(source: &Source<'_>, error: &parser::ParseError) -> Vec<Diagnostic> {
    vec![source.diagnostic(Code::Syntax, span(error.location), error.error.to_string(), None)]
}

fn not_a_function(source: &Source<'_>, range: TextRange) -> Diagnostic {
    let message = "the source is not one function definition or lambda";
    source.diagnostic(Code::Syntax, span(range), message, None)
}

fn span(range: TextRange) -> Span {
    Span { start: range.start().to_u32(), end: range.end().to_u32() }
}

struct Converter<'a> {
    source: &'a Source<'a>,
    diagnostics: Vec<Diagnostic>,
    next: NodeId,
    /// Whether there is a `yield` in the function so far.
    yields: bool,
}

impl Converter<'_> {
    fn id(&mut self) -> NodeId {
        self.next += 1;
        self.next
    }

    /// Whether this is a template, in which `yield` is what its consumer replaces.
    fn is_library(&self) -> bool {
        let function = self.source.function();
        function.file == library::FILE && function.name != ITERATOR
    }

    /// The name of an attribute: in methods, one that begins with two underscores has the class's name before it.
    fn mangled(&self, name: &str) -> String {
        let mut path = self.source.function().qualname.rsplit('.').skip(1);
        match path.next() {
            Some(class)
                if class != "<locals>" && name.starts_with("__") && !name.ends_with("__") =>
            {
                format!("_{}{name}", class.trim_start_matches('_'))
            }
            _ => name.to_owned(),
        }
    }

    fn expr(&mut self, kind: ExprKind, range: TextRange) -> Expr {
        Expr { kind, span: span(range), id: self.id() }
    }

    fn report(&mut self, code: Code, range: TextRange, message: impl Into<String>, help: &str) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        self.diagnostics.push(self.source.diagnostic(code, span(range), message, help));
    }

    /// Reports an expression outside the language and stands in for it.
    fn refuse(&mut self, range: TextRange, message: &str, help: &str) -> Expr {
        self.report(Code::Expression, range, message, help);
        self.expr(ExprKind::Error, range)
    }
}
