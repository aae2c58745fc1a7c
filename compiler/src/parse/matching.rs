//! Patterns: from the parser's tree to ours.

use ruff_python_ast as py;
use ruff_text_size::Ranged;

use super::{Converter, span};
use crate::ast::{Case, Pattern, StmtKind};
use crate::diagnostics::Code;

/// Classes whose one argument in a pattern is the subject itself.
const WHOLE: &[&str] = &["bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"];

impl Converter<'_> {
    pub(super) fn matching(&mut self, match_: &py::StmtMatch) -> StmtKind {
        let subject = self.expression(&match_.subject);
        let mut cases = Vec::new();
        for case in &match_.cases {
            cases.push(Case {
                pattern: self.pattern(&case.pattern),
                guard: case.guard.as_ref().map(|guard| self.expression(guard)),
                body: self.block(&case.body),
                span: span(case.pattern.range()),
                id: self.id(),
            });
        }
        StmtKind::Match { subject, cases }
    }

    fn pattern(&mut self, pattern: &py::Pattern) -> Pattern {
        match pattern {
            py::Pattern::MatchValue(value) => Pattern::Value(self.expression(&value.value)),
            py::Pattern::MatchSingleton(singleton) => {
                let kind = match singleton.value {
                    py::Singleton::None => crate::ast::ExprKind::None,
                    py::Singleton::True => crate::ast::ExprKind::Bool(true),
                    py::Singleton::False => crate::ast::ExprKind::Bool(false),
                };
                Pattern::Same(self.expr(kind, singleton.range))
            }
            py::Pattern::MatchAs(bound) => {
                let inner = bound.pattern.as_ref().map(|inner| Box::new(self.pattern(inner)));
                Pattern::Capture(inner, bound.name.as_ref().map(ToString::to_string))
            }
            py::Pattern::MatchOr(or) => {
                let patterns = or.patterns.iter().map(|pattern| self.pattern(pattern)).collect();
                Pattern::Or(patterns, self.id())
            }
            py::Pattern::MatchSequence(sequence) => {
                let mut star = None;
                let mut items = Vec::new();
                for item in &sequence.patterns {
                    if let py::Pattern::MatchStar(rest) = item {
                        star = Some((items.len(), rest.name.as_ref().map(ToString::to_string)));
                    } else {
                        items.push(self.pattern(item));
                    }
                }
                let (id, span) = (self.id(), span(sequence.range));
                // The items of the subject are expressions, too.
                self.next += 64 + 4 * items.len() as u32;
                Pattern::Sequence { items, star, span, id }
            }
            py::Pattern::MatchClass(class) => {
                let positional = &class.arguments.patterns;
                let known = matches!(class.cls.as_ref(), py::Expr::Name(name) if WHOLE.contains(&name.id.as_str()));
                if !known || positional.len() > 1 || !class.arguments.keywords.is_empty() {
                    let message = "this class pattern is not supported";
                    let help = "match builtin types such as `int()`, and values";
                    self.report(Code::Statement, class.range, message, help);
                    return Pattern::Error;
                }
                let inner = positional.first().map(|inner| Box::new(self.pattern(inner)));
                Pattern::Class(self.expression(&class.cls), inner)
            }
            py::Pattern::MatchMapping(mapping) => {
                let message = "patterns for mappings are not supported";
                self.report(Code::Statement, mapping.range, message, "test for the keys with `in`");
                Pattern::Error
            }
            py::Pattern::MatchStar(star) => {
                self.report(
                    Code::Syntax,
                    star.range,
                    "a starred pattern outside of a sequence",
                    "",
                );
                Pattern::Error
            }
        }
    }
}
