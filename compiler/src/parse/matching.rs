//! Patterns: from the parser's tree to ours.

use ruff_python_ast as py;
use ruff_text_size::Ranged;

use super::{Converter, span};
use crate::ast::{Case, NodeId, Pattern, StmtKind};
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

    /// A node, and room behind it: the items of a subject are expressions, too.
    fn room(&mut self, items: usize) -> NodeId {
        let id = self.id();
        self.next += 64 + 4 * items as u32;
        id
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
                let (id, span) = (self.room(items.len()), span(sequence.range));
                Pattern::Sequence { items, star, span, id }
            }
            py::Pattern::MatchClass(class) => {
                let positional = &class.arguments.patterns;
                let known = matches!(class.cls.as_ref(), py::Expr::Name(name) if WHOLE.contains(&name.id.as_str()));
                let keywords = &class.arguments.keywords;
                if !known || positional.len() > 1 || !keywords.is_empty() {
                    let items: Vec<_> = positional.iter().map(|item| self.pattern(item)).collect();
                    let named = keywords
                        .iter()
                        .map(|keyword| (keyword.attr.to_string(), self.pattern(&keyword.pattern)));
                    let named: Vec<_> = named.collect();
                    let id = self.room(items.len() + named.len());
                    let class_ = self.expression(&class.cls);
                    return Pattern::Instance {
                        class: class_,
                        items,
                        named,
                        span: span(class.range),
                        id,
                    };
                }
                let inner = positional.first().map(|inner| Box::new(self.pattern(inner)));
                Pattern::Class(self.expression(&class.cls), inner)
            }
            py::Pattern::MatchMapping(mapping) => {
                if let Some(rest) = &mapping.rest {
                    let message = "`**` in a pattern is not supported";
                    let help = "bind the whole with `as`, and look at the other keys";
                    self.report(Code::Statement, rest.range, message, help);
                    return Pattern::Error;
                }
                let items = mapping.keys.iter().zip(&mapping.patterns);
                let items = items.map(|(key, item)| (self.expression(key), self.pattern(item)));
                let items: Vec<_> = items.collect();
                let id = self.room(items.len());
                Pattern::Mapping { items, span: span(mapping.range), id }
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
