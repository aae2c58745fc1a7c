//! What tasks print, on its way to Python's `sys.stdout`.

use std::collections::BTreeMap;

use pyo3::intern;
use pyo3::prelude::*;

/// Puts together what tasks print, and writes it where Python prints.
#[derive(Default)]
pub(super) struct Printer {
    text: String,
    /// Beginnings of characters that were cut in two, by task.
    cut: BTreeMap<u64, Vec<u8>>,
}

impl Printer {
    /// Adds what the task `index` printed. `last` says that nothing follows.
    pub(super) fn add(&mut self, index: u64, printed: &[u8], last: bool) {
        if printed.is_empty() && (!last || self.cut.is_empty()) {
            return;
        }
        let mut whole = self.cut.remove(&index).unwrap_or_default();
        whole.extend_from_slice(printed);
        let mut left: &[u8] = &whole;
        loop {
            match std::str::from_utf8(left) {
                Ok(text) => {
                    self.text.push_str(text);
                    return;
                }
                Err(error) => {
                    let (valid, rest) = left.split_at(error.valid_up_to());
                    self.text.push_str(&String::from_utf8_lossy(valid));
                    if error.error_len().is_none() && !last {
                        self.cut.insert(index, rest.to_vec());
                        return;
                    }
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    left = &rest[error.error_len().unwrap_or(rest.len())..];
                }
            }
        }
    }

    /// What can be shown now.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// Writes to the current `sys.stdout`.
pub(super) fn show(py: Python<'_>, text: &str) -> PyResult<()> {
    if text.is_empty() {
        return Ok(());
    }
    let stream = py.import(intern!(py, "sys"))?.getattr(intern!(py, "stdout"))?;
    if !stream.is_none() {
        stream.call_method1(intern!(py, "write"), (text,))?;
    }
    Ok(())
}
