//! What a task prints, and when it is sent on.

use std::sync::Arc;

use spm_protocol::limits::{EPOCH_TICK_MS, OUTPUT_CHUNK_BYTES_MAX};

/// Ticks after which output that waits is sent on although it is no full chunk.
pub(super) const OUTPUT_TICKS: u32 = (100 / EPOCH_TICK_MS) as u32;

/// Takes the output of a running task, in chunks of at most
/// [`OUTPUT_CHUNK_BYTES_MAX`] that end between characters.
pub trait OutputSink: Send + Sync {
    /// Takes a chunk.
    fn write(&self, chunk: Vec<u8>);

    /// Called every few milliseconds while the task runs.
    fn tick(&self) {}
}

/// What was printed and not sent on.
#[derive(Default)]
pub(super) struct Output {
    pub(super) waiting: Vec<u8>,
    pub(super) sink: Option<Arc<dyn OutputSink>>,
    ticks: u32,
}

impl Output {
    /// Begins with what was printed before.
    pub(super) fn restart(&mut self, waiting: &[u8]) {
        self.waiting.clear();
        self.waiting.extend_from_slice(waiting);
        self.ticks = 0;
    }

    /// Called at every tick while the task runs.
    pub(super) fn tick(&mut self) {
        if let Some(sink) = &self.sink {
            sink.tick();
        }
        if !self.waiting.is_empty() {
            self.ticks += 1;
            if self.ticks >= OUTPUT_TICKS {
                self.flush();
            }
        }
    }

    /// Takes what the guest printed.
    pub(super) fn print(&mut self, mut text: &[u8]) {
        while self.waiting.len() + text.len() > OUTPUT_CHUNK_BYTES_MAX {
            let (head, tail) = text.split_at(OUTPUT_CHUNK_BYTES_MAX - self.waiting.len());
            self.waiting.extend_from_slice(head);
            text = tail;
            self.flush();
        }
        self.waiting.extend_from_slice(text);
    }

    /// Sends on what was printed, as the task may be about to wait.
    pub(super) fn show(&mut self) {
        if self.sink.is_some() && !self.waiting.is_empty() {
            self.flush();
        }
    }

    /// Sends on what was printed, but for the start of a character that is not complete.
    fn flush(&mut self) {
        self.ticks = 0;
        let whole = whole_characters(&self.waiting);
        let rest = self.waiting.split_off(whole);
        let chunk = std::mem::replace(&mut self.waiting, rest);
        if let Some(sink) = &self.sink {
            sink.write(chunk);
        }
    }
}

/// Length of `text` without the start of a character at its end. Text that is no UTF-8 is cut anywhere.
fn whole_characters(text: &[u8]) -> usize {
    let length = text.len();
    let tail = &text[length.saturating_sub(3)..];
    let Some(back) = tail.iter().rev().position(|byte| byte & 0xc0 != 0x80) else {
        return length;
    };
    let start = length - 1 - back;
    let needed = match text[start] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    if length - start < needed && start > 0 { start } else { length }
}
