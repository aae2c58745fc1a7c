//! `wasi:io/streams` and `wasi:io/error`. Streams never make anybody wait, so what blocks does what does not.

use alloc::vec::Vec;

use super::handles::{Resource, Sink, Source, trap};
use super::layout::{Layout, error_text, give};
use crate::errno::{Errno, Fallible};
use crate::state::{State, with};
use crate::world;

/// The most that is moved by one call.
const PIECE_BYTES_MAX: u64 = 1 << 20;
const STDIN: u32 = 0;

/// Why a stream gives or takes nothing.
enum Stopped {
    Closed,
    Failed(Errno),
}

impl From<Errno> for Stopped {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// What is written to a stream.
enum Given {
    /// A list in the program's memory: where, and how long.
    List(u32, u32),
    Zeroes(u64),
    Bytes(Vec<u8>),
}

impl Given {
    fn length(&self) -> u64 {
        match self {
            Self::List(_, length) => u64::from(*length),
            Self::Zeroes(length) => *length,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn onto(&self, to: &mut Vec<u8>) -> Fallible {
        match self {
            Self::List(from, length) => return world::read_onto(to, *from, *length),
            Self::Zeroes(length) => to.resize(to.len() + *length as usize, 0),
            Self::Bytes(bytes) => to.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn over(&self, to: &mut [u8]) {
        match self {
            Self::List(from, _) => world::read_over(to, *from),
            Self::Zeroes(_) => to.fill(0),
            Self::Bytes(bytes) => to.copy_from_slice(bytes),
        }
    }
}

impl State {
    /// Takes what is next of an input stream.
    fn take_next(&mut self, stream: u32, most: u64) -> Result<Vec<u8>, Stopped> {
        let source = match self.handles.get(stream) {
            Resource::Input(source) => *source,
            _ => trap(),
        };
        let rest = match source {
            Source::Stdin => {
                let position = self.descriptor(STDIN)?.position;
                self.stdin.get(position as usize..).unwrap_or(&[])
            }
            Source::File { id, position } => self.disk.read_at(id, position)?,
        };
        if rest.is_empty() && most > 0 {
            return Err(Stopped::Closed);
        }
        let length = (rest.len() as u64).min(most).min(PIECE_BYTES_MAX);
        let taken = rest[..length as usize].to_vec();
        match source {
            Source::Stdin => self.descriptor(STDIN)?.position += length,
            Source::File { id, position } => {
                let position = position + length;
                *self.handles.get(stream) = Resource::Input(Source::File { id, position });
            }
        }
        Ok(taken)
    }

    fn sink(&mut self, stream: u32) -> Sink {
        match self.handles.get(stream) {
            Resource::Output(sink) => *sink,
            _ => trap(),
        }
    }

    /// Writes to an output stream.
    fn put_next(&mut self, stream: u32, given: &Given) -> Fallible {
        let length = given.length();
        match self.sink(stream) {
            Sink::Output(which) => self.output(which, length, |to| given.onto(to)),
            Sink::File { id, position } => {
                let position = self.store(id, position, length, |to| given.over(to))?;
                *self.handles.get(stream) = Resource::Output(Sink::File { id, position });
                Ok(())
            }
            Sink::End(id) => {
                let end = self.disk.node(id).size();
                self.store(id, end, length, |to| given.over(to)).map(drop)
            }
        }
    }

    /// A `result` of which the error is a `stream-error`: the size of what is in it is a multiple of this alignment.
    fn stopped<const BYTES: usize>(&mut self, stopped: &Stopped, align: usize) -> Layout<BYTES> {
        let result = Layout::new().u8(0, 1);
        match stopped {
            Stopped::Closed => result.u8(align, 1),
            Stopped::Failed(errno) => {
                let error = self.surely_hold(Resource::Error(*errno));
                result.u32(align + 4, error)
            }
        }
    }
}

#[unsafe(export_name = "wasi:io/streams.[method]input-stream.read")]
extern "C" fn read(stream: u32, length: u64, to: u32) {
    match with(|state| state.take_next(stream, length)) {
        Ok(bytes) => Layout::<12>::new().list(4, give(&bytes)).write(to),
        Err(stopped) => with(|state| state.stopped::<12>(&stopped, 4)).write(to),
    }
}

#[unsafe(export_name = "wasi:io/streams.[method]input-stream.blocking-read")]
extern "C" fn blocking_read(stream: u32, length: u64, to: u32) {
    read(stream, length, to);
}

/// A `result` of a number of bytes.
fn answer_count(to: u32, count: Result<u64, Stopped>) {
    match count {
        Ok(count) => Layout::<16>::new().u64(8, count).write(to),
        Err(stopped) => with(|state| state.stopped::<16>(&stopped, 8)).write(to),
    }
}

#[unsafe(export_name = "wasi:io/streams.[method]input-stream.skip")]
extern "C" fn skip(stream: u32, length: u64, to: u32) {
    let skipped = with(|state| state.take_next(stream, length));
    answer_count(to, skipped.map(|bytes| bytes.len() as u64));
}

#[unsafe(export_name = "wasi:io/streams.[method]input-stream.blocking-skip")]
extern "C" fn blocking_skip(stream: u32, length: u64, to: u32) {
    skip(stream, length, to);
}

#[unsafe(export_name = "wasi:io/streams.[method]input-stream.subscribe")]
extern "C" fn subscribe_input(stream: u32) -> u32 {
    with(|state| match state.handles.get(stream) {
        Resource::Input(_) => state.surely_hold(Resource::Pollable(None)),
        _ => trap(),
    })
}

#[unsafe(export_name = "wasi:io/streams.[resource-drop]input-stream")]
extern "C" fn drop_input(stream: u32) {
    with(|state| state.release(stream));
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.check-write")]
extern "C" fn check_write(stream: u32, to: u32) {
    with(|state| state.sink(stream));
    answer_count(to, Ok(PIECE_BYTES_MAX));
}

/// A `result` without a value.
fn answer_done(to: u32, done: Fallible) {
    let done = done.map_err(Stopped::from);
    match done {
        Ok(()) => Layout::<12>::new().write(to),
        Err(stopped) => with(|state| state.stopped::<12>(&stopped, 4)).write(to),
    }
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.write")]
extern "C" fn write(stream: u32, list: u32, length: u32, to: u32) {
    answer_done(to, with(|state| state.put_next(stream, &Given::List(list, length))));
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.blocking-write-and-flush")]
extern "C" fn blocking_write_and_flush(stream: u32, list: u32, length: u32, to: u32) {
    write(stream, list, length, to);
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.flush")]
extern "C" fn flush(stream: u32, to: u32) {
    with(|state| state.sink(stream));
    answer_done(to, Ok(()));
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.blocking-flush")]
extern "C" fn blocking_flush(stream: u32, to: u32) {
    flush(stream, to);
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.write-zeroes")]
extern "C" fn write_zeroes(stream: u32, length: u64, to: u32) {
    answer_done(to, with(|state| state.put_next(stream, &Given::Zeroes(length))));
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.blocking-write-zeroes-and-flush")]
extern "C" fn blocking_write_zeroes_and_flush(stream: u32, length: u64, to: u32) {
    write_zeroes(stream, length, to);
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.splice")]
extern "C" fn splice(stream: u32, from: u32, length: u64, to: u32) {
    let moved = with(|state| {
        let bytes = state.take_next(from, length)?;
        let count = bytes.len() as u64;
        state.put_next(stream, &Given::Bytes(bytes))?;
        Ok(count)
    });
    answer_count(to, moved);
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.blocking-splice")]
extern "C" fn blocking_splice(stream: u32, from: u32, length: u64, to: u32) {
    splice(stream, from, length, to);
}

#[unsafe(export_name = "wasi:io/streams.[method]output-stream.subscribe")]
extern "C" fn subscribe_output(stream: u32) -> u32 {
    with(|state| {
        state.sink(stream);
        state.surely_hold(Resource::Pollable(None))
    })
}

#[unsafe(export_name = "wasi:io/streams.[resource-drop]output-stream")]
extern "C" fn drop_output(stream: u32) {
    with(|state| state.release(stream));
}

/// What an `error` is about.
pub fn errno_of(error: u32) -> Errno {
    with(|state| match state.handles.get(error) {
        Resource::Error(errno) => *errno,
        _ => trap(),
    })
}

#[unsafe(export_name = "wasi:io/error.[method]error.to-debug-string")]
extern "C" fn to_debug_string(error: u32, to: u32) {
    Layout::<8>::new().list(0, give(error_text(errno_of(error)))).write(to);
}

#[unsafe(export_name = "wasi:io/error.[resource-drop]error")]
extern "C" fn drop_error(error: u32) {
    with(|state| state.release(error));
}
