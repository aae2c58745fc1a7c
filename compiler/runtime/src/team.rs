//! Messages between ranks: the import `team`. A task that is in no team is one of its own.

use crate::alloc::{alloc, free};
use crate::buffer::Buffer;
use crate::int_text;
use crate::mem::{load, store};
use crate::message::{Bytes, TEAM, is_of, read, written};
use crate::object::{Desc, content};
use crate::raise::{fail, fail_text};
use crate::shared::class;
use crate::state::{KEPT, ret_u64, status};

/// Tags from here on are those of collectives.
pub const COLLECTIVE_TAGS: u32 = 1 << 30;
/// What stands for any source, and any tag.
const ANY: i64 = -1;

#[link(wasm_import_module = "spm:closure/team@0.1.0")]
unsafe extern "C" {
    #[link_name = "rank"]
    safe fn host_rank() -> u32;
    #[link_name = "size"]
    safe fn host_size() -> u32;
    #[link_name = "send"]
    safe fn host_send(destination: u32, tag: u32, start: u32, length: u32);
    #[link_name = "receive"]
    safe fn host_receive(source: i32, tag: i64, received: &mut Received);
}

#[repr(C)]
struct Received {
    source: u32,
    tag: u32,
    content: Bytes,
}

/// A message that came before anybody waited for it, in a list. The address of such a record; the next one is its first
/// word, then come source, tag, and start, length and capacity of the content.
const RECORD_BYTES: u32 = 24;

/// Puts a message at the end of the list, which has its bytes from then on.
fn keep(source: u32, tag: u32, content: &Buffer) -> Option<()> {
    let record = alloc(u64::from(RECORD_BYTES))?;
    let words = [0, source, tag, content.start, content.length, content.capacity];
    for (at, word) in (0..).zip(words) {
        store(record + at * 4, word);
    }
    let mut link = KEPT.address();
    while load::<u32>(link) != 0 {
        link = load(link);
    }
    store(link, record);
    Some(())
}

/// Whether a message is wanted. Whoever takes any tag means those of users.
fn is_wanted(source: i64, tag: i64, found_source: u32, found_tag: u32) -> bool {
    let is_tag = if tag == ANY { found_tag < COLLECTIVE_TAGS } else { tag == i64::from(found_tag) };
    is_tag && (source == ANY || source == i64::from(found_source))
}

/// Takes the first message of the list that is wanted.
fn take_kept(source: i64, tag: i64) -> Option<Buffer> {
    let mut link = KEPT.address();
    loop {
        let record: u32 = load(link);
        if record == 0 {
            return None;
        }
        if is_wanted(source, tag, load(record + 4), load(record + 8)) {
            let content = Buffer {
                start: load(record + 12),
                length: load(record + 16),
                capacity: load(record + 20),
            };
            store(link, load::<u32>(record));
            free(record, RECORD_BYTES);
            return Some(content);
        }
        link = record;
    }
}

/// Waits for a message of this source and tag, of which there are some.
pub fn receive(source: i64, tag: i64) -> Option<Buffer> {
    if let Some(kept) = take_kept(source, tag) {
        return Some(kept);
    }
    if !is_of(TEAM) {
        return fail(
            class::RUNTIME_ERROR,
            b"nothing can be received: this task is a team of one, and sent itself no such message",
        );
    }
    loop {
        let mut received = Received { source: 0, tag: 0, content: Bytes { start: 0, length: 0 } };
        host_receive(source as i32, tag, &mut received);
        let content = received.content.buffer();
        if is_wanted(source, tag, received.source, received.tag) {
            return Some(content);
        }
        keep(received.source, received.tag, &content)?;
    }
}

/// Sends bytes, which stay the caller's.
pub fn send_bytes(destination: u32, tag: u32, content: &Buffer) {
    host_send(destination, tag, content.start, content.length);
}

/// Which rank the task is.
pub fn rank() -> u32 {
    if is_of(TEAM) { host_rank() } else { 0 }
}

/// Of how many.
pub fn size() -> u32 {
    if is_of(TEAM) { host_size() } else { 1 }
}

/// Appends an int in decimal.
pub fn number(text: &mut Buffer, value: i64) -> Option<()> {
    let digits = int_text::int_str(value)?;
    text.text(content(digits))
}

/// A rank that there is.
pub fn checked_rank(what: &[u8], rank: i64) -> Option<u32> {
    let size = size();
    if rank >= 0 && rank < i64::from(size) {
        return Some(rank as u32);
    }
    let mut text = Buffer::new();
    text.byte(b'`')?;
    text.text(what)?;
    text.text(b"` is ")?;
    number(&mut text, rank)?;
    text.text(b", and this team has ranks from 0 to ")?;
    number(&mut text, i64::from(size) - 1)?;
    fail_text(class::VALUE_ERROR, text)
}

fn checked_tag(tag: i64) -> Option<u32> {
    if tag >= 0 && tag < i64::from(COLLECTIVE_TAGS) {
        return Some(tag as u32);
    }
    let mut text = Buffer::new();
    text.text(b"`tag` is ")?;
    number(&mut text, tag)?;
    text.text(b", and tags are from 0 to 1073741823")?;
    fail_text(class::VALUE_ERROR, text)
}

/// `spm.team.rank`.
#[unsafe(no_mangle)]
pub extern "C" fn team_rank() -> i64 {
    i64::from(rank())
}

/// `spm.team.size`.
#[unsafe(no_mangle)]
pub extern "C" fn team_size() -> i64 {
    i64::from(size())
}

fn send(value: u64, desc: Desc, destination: i64, tag: i64) -> Option<()> {
    let destination = checked_rank(b"dest", destination)?;
    let tag = checked_tag(tag)?;
    let content = written(value, desc)?;
    if !is_of(TEAM) {
        return keep(0, tag, &content);
    }
    send_bytes(destination, tag, &content);
    content.free();
    Some(())
}

/// `spm.team.send(value, dest, tag)`.
#[unsafe(no_mangle)]
pub extern "C" fn team_send(value: u64, desc: Desc, destination: i64, tag: i64) -> i32 {
    status(send(value, desc, destination, tag))
}

fn recv(source: i64, tag: i64) -> Option<Buffer> {
    if source != ANY {
        checked_rank(b"source", source)?;
    }
    if tag != ANY {
        checked_tag(tag)?;
    }
    receive(source, tag)
}

/// `value: T = spm.team.recv(source, tag)`.
#[unsafe(no_mangle)]
pub extern "C" fn team_recv(source: i64, tag: i64, desc: Desc) -> i32 {
    ret_u64(recv(source, tag).and_then(|message| read(message, desc)))
}

/// `spm.team.recv(source, tag)`, whose message nobody looks at.
#[unsafe(no_mangle)]
pub extern "C" fn team_skip(source: i64, tag: i64) -> i32 {
    status(recv(source, tag).map(Buffer::free))
}
