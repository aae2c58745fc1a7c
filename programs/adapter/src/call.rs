//! The world's two functions, and how a program ends.

use alloc::alloc::{Layout, alloc, realloc};
use alloc::vec::Vec;
use core::ptr::null;

use crate::cbor::{ARRAY, MAP, Reader, UINT, Writer};
use crate::state::{State, with};
use crate::world;

const ATTRIBUTES: usize = 5;
/// What a program without a name is called.
const NAMELESS: &[u8] = b"program";

/// A `result` of lists, as the canonical ABI lays it out.
#[repr(C)]
pub struct Returned {
    is_error: u32,
    bytes: *const u8,
    length: usize,
}

fn returned(bytes: &[u8]) -> *const Returned {
    // Its instance ends with this call, so nobody frees what it returned.
    let place = alloc::boxed::Box::new(Returned {
        is_error: 0,
        bytes: if bytes.is_empty() { null() } else { bytes.as_ptr() },
        length: bytes.len(),
    });
    alloc::boxed::Box::leak(place)
}

/// Gives the host room for arguments.
///
/// # Safety
/// Called by the canonical ABI only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_length: usize,
    align: usize,
    length: usize,
) -> *mut u8 {
    if length == 0 {
        return align as *mut u8;
    }
    let layout = |length| Layout::from_size_align(length, align);
    let (Ok(new), Ok(before)) = (layout(length), layout(old_length)) else {
        core::arch::wasm32::unreachable()
    };
    // SAFETY: the caller has got `old` from here, or it has no length.
    let made = unsafe { if old_length == 0 { alloc(new) } else { realloc(old, before, length) } };
    if made.is_null() {
        core::arch::wasm32::unreachable();
    }
    made
}

/// What the host passes.
unsafe fn given<'a>(bytes: *const u8, length: usize) -> Reader<'a> {
    // SAFETY: the host has written so much there.
    Reader::new(if length == 0 {
        &[]
    } else {
        unsafe { core::slice::from_raw_parts(bytes, length) }
    })
}

/// Takes `[name, which outputs are shown, class of the result, args, env, stdin, files]`: what all runs have in common.
///
/// # Safety
/// Called by the canonical ABI only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn define(payload: *const u8, length: usize) -> *const Returned {
    // SAFETY: as above.
    let mut payload = unsafe { given(payload, length) };
    with(|state| {
        state.begin();
        payload.head(ARRAY);
        state.name = payload.text().to_vec();
        state.shown = payload.head(UINT) as u8;
        state.class = payload.head(UINT);
        state.take(&mut payload);
    });
    returned(&[])
}

/// Takes `[args, env, stdin, files]`, which add to those that were defined, and runs the program.
///
/// # Safety
/// Called by the canonical ABI only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call(arguments: *const u8, length: usize) -> *const Returned {
    // SAFETY: as above.
    let mut arguments = unsafe { given(arguments, length) };
    with(|state| {
        state.begin();
        if state.name.is_empty() {
            state.name = NAMELESS.to_vec();
        }
        arguments.head(ARRAY);
        state.take(&mut arguments);
    });
    let status = world::start();
    returned(with(|state| state.result(status)).leak())
}

/// The program ends itself.
pub fn exit(status: u32) -> ! {
    world::exit(&with(|state| state.result(status)))
}

impl State {
    /// Takes `args, env, stdin, files`.
    fn take(&mut self, given: &mut Reader<'_>) {
        for _ in 0..given.head(ARRAY) {
            self.args.push(given.text().to_vec());
        }
        for _ in 0..given.head(MAP) {
            let name = given.text();
            let mut pair = [name, b"="].concat();
            self.env.retain(|known| !known.starts_with(&pair));
            pair.extend_from_slice(given.text());
            self.env.push(pair);
        }
        let stdin = given.bytes();
        if !stdin.is_empty() {
            self.stdin = stdin.to_vec();
        }
        for _ in 0..given.head(MAP) {
            let path = given.text();
            let content = given.bytes();
            self.give(path, content);
        }
    }

    /// The CBOR of what became of the run: an instance of `spm.Completed`.
    fn result(&mut self, status: u32) -> Vec<u8> {
        let mut count = 0;
        let mut bytes = 0;
        self.disk.changed(&mut |path, content| {
            count += 1;
            bytes += path.len() + content.len() + 16;
        });
        let mut writer = Writer::default();
        writer.bytes.reserve(bytes + self.outputs[0].len() + self.outputs[1].len() + 4096);
        writer.instance(self.class, ATTRIBUTES);
        writer.text(b"args");
        writer.head(ARRAY, self.args.len() + 1);
        writer.text(&self.name);
        self.args.iter().for_each(|arg| writer.text(arg));
        writer.text(b"returncode");
        // As a parent process sees it.
        writer.head(UINT, (status & 0xff) as usize);
        for (name, output) in [&b"stdout"[..], b"stderr"].iter().zip(&self.outputs) {
            writer.text(name);
            writer.blob(output);
        }
        writer.text(b"files");
        writer.head(MAP, count);
        self.disk.changed(&mut |path, content| {
            writer.text(path);
            writer.blob(content);
        });
        writer.bytes
    }
}
