//! Places in a function's source, as lines and columns of the user's file.

use spm_protocol::lines::{LineFunction, Site};

use crate::ast::Span;
use crate::diagnostics::{Code, Diagnostic};
use crate::request::FunctionSource;

/// A function's source, indexed by line.
pub(crate) struct Source<'a> {
    function: &'a FunctionSource,
    /// Byte at which each line begins.
    starts: Vec<usize>,
    /// A lambda is cut out of its line: only the first was moved.
    is_lambda: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(function: &'a FunctionSource) -> Self {
        let mut starts = vec![0];
        starts.extend(function.source.match_indices('\n').map(|(at, _)| at + 1));
        let is_lambda = function.source.trim_start().starts_with("lambda");
        Self { function, starts, is_lambda }
    }

    pub(crate) fn function(&self) -> &'a FunctionSource {
        self.function
    }

    /// Line index from 0 and column in the user's file.
    fn place(&self, at: u32) -> (usize, u32) {
        let line = self.starts.partition_point(|start| *start <= at as usize) - 1;
        (line, at - self.starts[line] as u32 + self.indent(line))
    }

    fn indent(&self, line: usize) -> u32 {
        if self.is_lambda && line > 0 { 0 } else { self.function.column }
    }

    /// A line as it stands in the user's file.
    fn line(&self, line: usize) -> String {
        let text = self.function.source.lines().nth(line).unwrap_or_default();
        if text.is_empty() {
            return String::new();
        }
        format!("{}{text}", " ".repeat(self.indent(line) as usize))
    }

    pub(crate) fn diagnostic(
        &self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Diagnostic {
        let site = self.site(0, span);
        Diagnostic {
            file: self.function.file.clone(),
            line: site.line,
            column: site.column,
            end_line: site.end_line,
            end_column: site.end_column,
            code,
            message: message.into(),
            help,
            source_line: self.line((site.line - self.function.first_line) as usize),
        }
    }

    pub(crate) fn site(&self, function: u32, span: Span) -> Site {
        let (line, column) = self.place(span.start);
        let (end_line, end_column) = self.place(span.end);
        let first = self.function.first_line;
        Site {
            function,
            line: first + line as u32,
            column,
            end_line: first + end_line as u32,
            end_column,
        }
    }

    pub(crate) fn line_function(&self) -> LineFunction {
        let is_own = self.function.file == crate::library::FILE;
        let lines = if is_own { 0 } else { self.function.source.lines().count() };
        LineFunction {
            name: self.function.qualname.clone(),
            file: self.function.file.clone(),
            first_line: self.function.first_line,
            source: (0..lines).map(|line| self.line(line)).collect(),
        }
    }
}
