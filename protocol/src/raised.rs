//! The record of a Python exception that left a closure.
//!
//! A guest writes it, a host passes it on unread, and the submitter's side of the codec reads it.
//! In CBOR it is a map with the integer keys below, in ascending order; absent keys are empty.
//!
//! | key | value |
//! | --- | --- |
//! | 0 | class: index into [`BUILTIN_EXCEPTIONS`], or [`CLASS_TABLE_BASE`] + index into the manifest's class table |
//! | 1 | args: array of values |
//! | 2 | state: a value, the instance's `__dict__` and builtin fields such as `OSError.filename` |
//! | 3 | notes: array of text |
//! | 4 | cause: another record, or null |
//! | 5 | context: another record, or null |
//! | 6 | suppress context: bool |
//! | 7 | members of an exception group: array of records |
//! | 8 | frames, innermost first: a site number of the component's line table, or an array `[file, line, column, end line, end column, function, source line]` |
//! | 9 | trap code, if this is no exception but a value that left what the compiler proved |
//! | 10 | how many further frames were left out between the innermost and the outermost ones |
//! | 11 | the context is the cause: bool; key 5 is absent then |

use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode};

use crate::limits::{RAISED_BYTES_MAX, RAISED_DEPTH_MAX, RAISED_FRAMES_MAX, RAISED_RECORDS_MAX};
use crate::trap::TrapCode;

/// First class index that names an entry of the manifest's class table instead of a builtin.
pub const CLASS_TABLE_BASE: u32 = 1000;

/// The builtin exception classes, by the index that crosses the wire. Append only.
pub const BUILTIN_EXCEPTIONS: &[&str] = &[
    "BaseException",
    "Exception",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "EncodingWarning",
    "ExceptionGroup",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotADirectoryError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "PythonFinalizationError",
];

/// The index of a builtin exception class.
pub fn builtin_exception(name: &str) -> Option<u32> {
    BUILTIN_EXCEPTIONS.iter().position(|known| *known == name).map(|index| index as u32)
}

/// One frame of the traceback of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RaisedFrame {
    /// A site of the component's own [`crate::lines::LineTable`].
    Site(u32),
    /// Everything said in place.
    Source(SourceFrame),
}

/// A frame that carries its own text.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SourceFrame {
    /// The file, as the submitter's Python names it.
    #[n(0)]
    pub file: String,
    /// First line, from 1.
    #[n(1)]
    pub line: u32,
    /// First column in UTF-8 bytes, from 0.
    #[n(2)]
    pub column: u32,
    /// Last line.
    #[n(3)]
    pub end_line: u32,
    /// Column after the last.
    #[n(4)]
    pub end_column: u32,
    /// The function's qualified name.
    #[n(5)]
    pub function: String,
    /// The source line itself, without its line end.
    #[n(6)]
    pub source: String,
}

/// An exception, or a value that left what the compiler proved. Values stay encoded: only the
/// Python side gives them a meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raised {
    /// Index of its class.
    pub class: u32,
    /// `args`, as one CBOR array.
    pub args: Vec<u8>,
    /// State, as one CBOR value; empty for none.
    pub state: Vec<u8>,
    /// What `add_note` added.
    pub notes: Vec<String>,
    /// `__cause__`.
    pub cause: Option<Box<Raised>>,
    /// `__context__`.
    pub context: Option<Box<Raised>>,
    /// `__suppress_context__`.
    pub suppress_context: bool,
    /// Members of an exception group.
    pub members: Vec<Raised>,
    /// Frames, innermost first.
    pub frames: Vec<RaisedFrame>,
    /// Set if this is no exception, but a reason to run the task by another engine.
    pub trap: Option<TrapCode>,
    /// Frames that were left out.
    pub frames_left_out: u32,
    /// Whether `__context__` is what `__cause__` is, which is not written twice.
    pub context_is_cause: bool,
}

impl Raised {
    /// Reads a whole record.
    ///
    /// # Errors
    /// If `bytes` is no such record, has bytes left, or breaks a limit: [`RAISED_BYTES_MAX`],
    /// [`RAISED_DEPTH_MAX`], [`RAISED_RECORDS_MAX`] and, in each record, [`RAISED_FRAMES_MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > RAISED_BYTES_MAX {
            return Err(DecodeError::message("record too long"));
        }
        let mut decoder = Decoder::new(bytes);
        let mut records_left = RAISED_RECORDS_MAX;
        let raised = read(&mut decoder, 0, &mut records_left)?;
        if decoder.position() != bytes.len() {
            return Err(DecodeError::message("bytes left after the record").at(decoder.position()));
        }
        Ok(raised)
    }

    /// The record in CBOR.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(self, &mut minicbor::Encoder::new(&mut bytes))
            .expect("writing to a Vec does not fail");
        bytes
    }
}

/// Why the task is to be run again by the closure's fallback, if `record` says that a value left what
/// the compiler had proved. Reads no more of the record than that takes, and keeps nothing of it.
///
/// Other traps in a record, and records that cannot be read, are outcomes like any exception.
pub fn left_proof(record: &[u8]) -> Option<TrapCode> {
    const TRAP: u32 = 9;
    if record.len() > RAISED_BYTES_MAX {
        return None;
    }
    let mut decoder = Decoder::new(record);
    for _ in 0..decoder.map().ok()?? {
        let key = decoder.u32().ok()?;
        if key == TRAP {
            let code = TrapCode::from_u8(decoder.u8().ok()?)?;
            return code.leaves_proof().then_some(code);
        }
        // Keys ascend.
        if key > TRAP {
            return None;
        }
        decoder.skip().ok()?;
    }
    None
}

fn raw<'b>(decoder: &mut Decoder<'b>) -> Result<&'b [u8], DecodeError> {
    let start = decoder.position();
    decoder.skip()?;
    Ok(&decoder.input()[start..decoder.position()])
}

fn length(found: Option<u64>, decoder: &Decoder<'_>) -> Result<u64, DecodeError> {
    let length = found.ok_or_else(|| DecodeError::message("indefinite length"))?;
    let left = (decoder.input().len() - decoder.position()) as u64;
    if length > left {
        return Err(DecodeError::message("length beyond the end").at(decoder.position()));
    }
    Ok(length)
}

fn optional(
    decoder: &mut Decoder<'_>,
    depth: usize,
    records_left: &mut usize,
) -> Result<Option<Box<Raised>>, DecodeError> {
    if decoder.datatype()? == Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    Ok(Some(Box::new(read(decoder, depth + 1, records_left)?)))
}

fn read(
    decoder: &mut Decoder<'_>,
    depth: usize,
    records_left: &mut usize,
) -> Result<Raised, DecodeError> {
    if depth > RAISED_DEPTH_MAX {
        return Err(DecodeError::message("exceptions chained too deep"));
    }
    *records_left = records_left
        .checked_sub(1)
        .ok_or_else(|| DecodeError::message("too many exceptions in one record"))?;
    let mut raised = Raised::default();
    let entries = decoder.map()?;
    let mut after = None;
    for _ in 0..length(entries, decoder)? {
        let key = decoder.u32()?;
        if after.is_some_and(|after| key <= after) {
            return Err(DecodeError::message("keys out of order").at(decoder.position()));
        }
        after = Some(key);
        match key {
            0 => raised.class = decoder.u32()?,
            1 => raised.args = raw(decoder)?.to_vec(),
            2 => raised.state = raw(decoder)?.to_vec(),
            3 => {
                let count = decoder.array()?;
                for _ in 0..length(count, decoder)? {
                    raised.notes.push(decoder.str()?.to_owned());
                }
            }
            4 => raised.cause = optional(decoder, depth, records_left)?,
            5 => raised.context = optional(decoder, depth, records_left)?,
            6 => raised.suppress_context = decoder.bool()?,
            7 => {
                let count = decoder.array()?;
                for _ in 0..length(count, decoder)? {
                    raised.members.push(read(decoder, depth + 1, records_left)?);
                }
            }
            8 => {
                let count = decoder.array()?;
                let count = length(count, decoder)?;
                if count > RAISED_FRAMES_MAX as u64 {
                    return Err(DecodeError::message("too many frames"));
                }
                for _ in 0..count {
                    raised.frames.push(if decoder.datatype()? == Type::Array {
                        RaisedFrame::Source(decoder.decode()?)
                    } else {
                        RaisedFrame::Site(decoder.u32()?)
                    });
                }
            }
            9 => {
                let code = decoder.u8()?;
                let trap = TrapCode::from_u8(code)
                    .ok_or_else(|| DecodeError::message("unknown trap code"))?;
                raised.trap = Some(trap);
            }
            10 => raised.frames_left_out = decoder.u32()?,
            11 => raised.context_is_cause = decoder.bool()?,
            _ => return Err(DecodeError::message("unknown key").at(decoder.position())),
        }
    }
    Ok(raised)
}

type WriteResult = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write(raised: &Raised, encoder: &mut minicbor::Encoder<&mut Vec<u8>>) -> WriteResult {
    let entries = [
        true,
        !raised.args.is_empty(),
        !raised.state.is_empty(),
        !raised.notes.is_empty(),
        raised.cause.is_some(),
        raised.context.is_some(),
        raised.suppress_context,
        !raised.members.is_empty(),
        !raised.frames.is_empty(),
        raised.trap.is_some(),
        raised.frames_left_out != 0,
        raised.context_is_cause,
    ];
    encoder.map(entries.iter().filter(|present| **present).count() as u64)?;
    encoder.u32(0)?.u32(raised.class)?;
    if entries[1] {
        encoder.u32(1)?.writer_mut().extend_from_slice(&raised.args);
    }
    if entries[2] {
        encoder.u32(2)?.writer_mut().extend_from_slice(&raised.state);
    }
    if entries[3] {
        encoder.u32(3)?.encode(&raised.notes)?;
    }
    for (key, chained) in [(4, &raised.cause), (5, &raised.context)] {
        if let Some(chained) = chained {
            encoder.u32(key)?;
            write(chained, encoder)?;
        }
    }
    if entries[6] {
        encoder.u32(6)?.bool(true)?;
    }
    if entries[7] {
        encoder.u32(7)?.array(raised.members.len() as u64)?;
        for member in &raised.members {
            write(member, encoder)?;
        }
    }
    if entries[8] {
        encoder.u32(8)?.array(raised.frames.len() as u64)?;
        for frame in &raised.frames {
            match frame {
                RaisedFrame::Site(site) => encoder.u32(*site)?,
                RaisedFrame::Source(frame) => encoder.encode(frame)?,
            };
        }
    }
    if let Some(trap) = raised.trap {
        encoder.u32(9)?.u8(trap as u8)?;
    }
    if entries[10] {
        encoder.u32(10)?.u32(raised.frames_left_out)?;
    }
    if entries[11] {
        encoder.u32(11)?.bool(true)?;
    }
    Ok(())
}
