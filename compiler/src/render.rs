//! Diagnostics as text, in the manner of rustc.

use std::fmt::Write as _;

use crate::diagnostics::Diagnostic;

/// Of a terminal that is not wide.
const COLUMNS: usize = 80;
const HELP: &str = " = help: ";
const INDENT: &str = "         ";

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
        for (at, line) in wrapped(help, COLUMNS - gutter.len() - HELP.len()).iter().enumerate() {
            let lead = if at == 0 { HELP } else { INDENT };
            let _ = writeln!(text, "{gutter}{lead}{line}");
        }
    }
}

/// Breaks a text between words, so that no line but of a single word is longer than this.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let used = lines[lines.len() - 1].chars().count();
        if used > 0 && used + 1 + word.chars().count() > columns {
            lines.push(word.to_owned());
            continue;
        }
        let line = lines.last_mut().expect("there is a first line");
        if used > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

/// Characters between two byte columns of a line.
fn display_width(line: &str, from: usize, to: usize) -> usize {
    line.char_indices().filter(|(at, _)| (from..to).contains(at)).count()
}
