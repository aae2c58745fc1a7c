//! Diagnostics as text, in the manner of rustc.

use std::fmt::Write as _;

use crate::diagnostics::Diagnostic;

/// The text a user sees: each problem with its place, its source line and a caret.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        render_one(diagnostic, &mut text);
    }
    text
}

fn render_one(diagnostic: &Diagnostic, text: &mut String) {
    let Diagnostic { file, line, column, code, message, source_line, .. } = diagnostic;
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let source = source_line.trim_end();
    let end =
        if diagnostic.end_line == *line { diagnostic.end_column as usize } else { source.len() };
    let before = display_width(source, 0, *column as usize);
    let width = display_width(source, *column as usize, end).max(1);
    // Writing to a String does not fail.
    let _ = writeln!(text, "error[{code}]: {message}");
    let _ = writeln!(text, "{gutter}--> {file}:{line}:{}", column + 1);
    let _ = writeln!(text, "{gutter} |");
    let _ = writeln!(text, "{number} | {source}");
    let _ = writeln!(text, "{gutter} | {}{}", " ".repeat(before), "^".repeat(width));
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(text, "{gutter} = help: {help}");
    }
}

/// Characters between two byte columns of a line.
fn display_width(line: &str, from: usize, to: usize) -> usize {
    line.char_indices().filter(|(at, _)| (from..to).contains(at)).count()
}
