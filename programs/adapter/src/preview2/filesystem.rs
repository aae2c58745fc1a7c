//! `wasi:filesystem`. There are no symbolic links.

use alloc::vec::Vec;

use super::handles::{Resource, Sink, Source, trap};
use super::layout::{Layout, SECOND_NS, error_code, give, give_aligned, words};
use super::streams::errno_of;
use crate::disk::{Disk, Id, ROOT};
use crate::errno::{Errno, Fallible};
use crate::files::{SET_ACCESSED, SET_ACCESSED_NOW, SET_MODIFIED, SET_MODIFIED_NOW};
use crate::paths::Named;
use crate::state::{State, with};
use crate::world;

const FOLDER: u8 = 3;
const FILE: u8 = 6;
const READ: u8 = 1;
const WRITE: u8 = 1 << 1;
const MUTATE_DIRECTORY: u8 = 1 << 5;
/// The most that is read by one call.
const PIECE_BYTES_MAX: u64 = 1 << 20;
const STAT_BYTES: usize = 104;
/// Where a `stat` has its three times, each an `option`.
const STAT_TIMES: [usize; 3] = [32, 56, 80];

/// A `new-timestamp`, as it is passed.
type NewTime = (u32, u64, u32);

/// Writes a `result` of so many bytes of which the error is an `error-code`: `align` is the alignment of what is in it.
fn answer<const BYTES: usize, T>(
    to: u32,
    align: usize,
    result: Fallible<T>,
    put: impl FnOnce(Layout<BYTES>, T) -> Layout<BYTES>,
) {
    let layout = match result {
        Ok(value) => put(Layout::new(), value),
        Err(errno) => Layout::new().u8(0, 1).u8(align, error_code(errno)),
    };
    layout.write(to);
}

fn answer_done(to: u32, result: Fallible) {
    answer::<2, ()>(to, 1, result, |done, ()| done);
}

fn answer_handle(to: u32, result: Fallible<u32>) {
    answer::<8, u32>(to, 4, result, |held, handle| held.u32(4, handle));
}

impl State {
    fn type_held(&mut self, id: Id) -> u8 {
        if self.disk.node(id).is_folder() { FOLDER } else { FILE }
    }

    /// A file that may be used like this.
    fn file_for(&mut self, descriptor: u32, needed: u8) -> Fallible<Id> {
        let (id, flags) = self.held_node(descriptor);
        if self.disk.node(id).is_folder() {
            return Err(Errno::Isdir);
        }
        if flags & needed == 0 { Err(Errno::Badf) } else { Ok(id) }
    }

    fn stat_of(&mut self, id: Id) -> Layout<STAT_BYTES> {
        let kind = self.type_held(id);
        let node = self.disk.node(id);
        let mut stat =
            Layout::new().u8(8, kind).u64(16, u64::from(node.links)).u64(24, node.size());
        for (at, time) in
            STAT_TIMES.into_iter().zip([node.accessed_ns, node.modified_ns, node.modified_ns])
        {
            stat = stat.u8(at, 1).datetime(at + 8, time);
        }
        stat
    }

    fn set_new_times(&mut self, id: Id, accessed: NewTime, modified: NewTime) -> Fallible {
        let which = |(kind, ..): NewTime, now, given| match kind {
            0 => 0,
            1 => now,
            _ => given,
        };
        let time = |(_, seconds, nanoseconds): NewTime| {
            seconds.saturating_mul(SECOND_NS).saturating_add(u64::from(nanoseconds))
        };
        let flags = which(accessed, SET_ACCESSED_NOW, SET_ACCESSED)
            | which(modified, SET_MODIFIED_NOW, SET_MODIFIED);
        self.set_times(id, time(accessed), time(modified), flags)
    }
}

/// A path from a descriptor on.
fn named(descriptor: u32, at: u32, length: u32) -> Named<impl FnOnce(&mut State) -> Fallible<Id>> {
    Named { folder: move |state: &mut State| Ok(state.held_node(descriptor).0), at, length }
}

#[unsafe(export_name = "wasi:filesystem/preopens.get-directories")]
extern "C" fn get_directories(to: u32) {
    let flags = READ | MUTATE_DIRECTORY;
    let root = with(|state| state.surely_hold(Resource::Descriptor { id: ROOT, flags }));
    let (place, length) = give(b"/");
    let list = give_aligned(&words([root, place, length]), 4, 1);
    Layout::<8>::new().list(0, list).write(to);
}

/// A stream of a file that may be used like this.
fn give_stream(descriptor: u32, needed: u8, to: u32, stream: impl FnOnce(Id) -> Resource) {
    let held = with(|state| {
        let id = state.file_for(descriptor, needed)?;
        state.hold(stream(id))
    });
    answer_handle(to, held);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.read-via-stream")]
extern "C" fn read_via_stream(descriptor: u32, position: u64, to: u32) {
    give_stream(descriptor, READ, to, |id| Resource::Input(Source::File { id, position }));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.write-via-stream")]
extern "C" fn write_via_stream(descriptor: u32, position: u64, to: u32) {
    give_stream(descriptor, WRITE, to, |id| Resource::Output(Sink::File { id, position }));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.append-via-stream")]
extern "C" fn append_via_stream(descriptor: u32, to: u32) {
    give_stream(descriptor, WRITE, to, |id| Resource::Output(Sink::End(id)));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.advise")]
extern "C" fn advise(descriptor: u32, _: u64, _: u64, _: u32, to: u32) {
    sync(descriptor, to);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.sync-data")]
extern "C" fn sync_data(descriptor: u32, to: u32) {
    sync(descriptor, to);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.sync")]
extern "C" fn sync(descriptor: u32, to: u32) {
    with(|state| state.held_node(descriptor));
    answer_done(to, Ok(()));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.get-flags")]
extern "C" fn get_flags(descriptor: u32, to: u32) {
    let (_, flags) = with(|state| state.held_node(descriptor));
    answer::<2, u8>(to, 1, Ok(flags), |done, flags| done.u8(1, flags));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.get-type")]
extern "C" fn get_type(descriptor: u32, to: u32) {
    let kind = with(|state| {
        let (id, _) = state.held_node(descriptor);
        state.type_held(id)
    });
    answer::<2, u8>(to, 1, Ok(kind), |done, kind| done.u8(1, kind));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.set-size")]
extern "C" fn set_size(descriptor: u32, size: u64, to: u32) {
    answer_done(
        to,
        with(|state| {
            let id = state.file_for(descriptor, WRITE)?;
            let (held, now) = (state.held(), state.now_ns());
            state.disk.resize(id, size, held, now)
        }),
    );
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.set-times")]
extern "C" fn set_times(
    descriptor: u32,
    accessed: u32,
    accessed_s: u64,
    accessed_ns: u32,
    modified: u32,
    modified_s: u64,
    modified_ns: u32,
    to: u32,
) {
    let accessed = (accessed, accessed_s, accessed_ns);
    let modified = (modified, modified_s, modified_ns);
    answer_done(
        to,
        with(|state| {
            let (id, _) = state.held_node(descriptor);
            state.set_new_times(id, accessed, modified)
        }),
    );
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.set-times-at")]
extern "C" fn set_times_at(
    descriptor: u32,
    _: u32,
    path: u32,
    length: u32,
    accessed: u32,
    accessed_s: u64,
    accessed_ns: u32,
    modified: u32,
    modified_s: u64,
    modified_ns: u32,
    to: u32,
) {
    let accessed = (accessed, accessed_s, accessed_ns);
    let modified = (modified, modified_s, modified_ns);
    answer_done(
        to,
        named(descriptor, path, length).with(|state, place| {
            let id = state.disk.find(place)?;
            state.set_new_times(id, accessed, modified)
        }),
    );
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.read")]
extern "C" fn read(descriptor: u32, length: u64, offset: u64, to: u32) {
    let read = with(|state| {
        let id = state.file_for(descriptor, READ)?;
        let rest = state.disk.read_at(id, offset)?;
        let taken = (rest.len() as u64).min(length).min(PIECE_BYTES_MAX) as usize;
        Ok((rest[..taken].to_vec(), taken == rest.len()))
    });
    let read = read.map(|(bytes, is_end): (Vec<u8>, bool)| (give(&bytes), is_end));
    answer::<16, _>(to, 4, read, |done, (bytes, is_end)| {
        done.list(4, bytes).u8(12, u8::from(is_end))
    });
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.write")]
extern "C" fn write(descriptor: u32, list: u32, length: u32, offset: u64, to: u32) {
    let written = with(|state| {
        let id = state.file_for(descriptor, WRITE)?;
        state.store(id, offset, u64::from(length), |to| world::read_over(to, list))?;
        Ok(u64::from(length))
    });
    answer::<16, u64>(to, 8, written, |done, count| done.u64(8, count));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.read-directory")]
extern "C" fn read_directory(descriptor: u32, to: u32) {
    answer_handle(
        to,
        with(|state| {
            let (folder, _) = state.held_node(descriptor);
            let listed = state.disk.list(folder, 0)?;
            let entry = |(_, id, name)| (state.type_held(id), name);
            let entries = listed.into_iter().rev().map(entry).collect();
            state.hold(Resource::Entries(entries))
        }),
    );
}

#[unsafe(export_name = "wasi:filesystem/types.[method]directory-entry-stream.read-directory-entry")]
extern "C" fn read_directory_entry(stream: u32, to: u32) {
    let next = with(|state| match state.handles.get(stream) {
        Resource::Entries(entries) => entries.pop(),
        _ => trap(),
    });
    let mut result = Layout::<20>::new();
    if let Some((kind, name)) = next {
        result = result.u8(4, 1).u8(8, kind).list(12, give(&name));
    }
    result.write(to);
}

#[unsafe(export_name = "wasi:filesystem/types.[resource-drop]directory-entry-stream")]
extern "C" fn drop_entries(stream: u32) {
    with(|state| state.release(stream));
}

#[unsafe(export_name = "wasi:filesystem/types.[resource-drop]descriptor")]
extern "C" fn drop_descriptor(descriptor: u32) {
    with(|state| state.release(descriptor));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.create-directory-at")]
extern "C" fn create_directory_at(descriptor: u32, path: u32, length: u32, to: u32) {
    answer_done(
        to,
        named(descriptor, path, length).with(|state, place| {
            let now = state.now_ns();
            state.disk.make_folder(place, now).map(drop)
        }),
    );
}

fn answer_stat(to: u32, stat: Fallible<Layout<STAT_BYTES>>) {
    answer::<STAT_BYTES, _>(to, 8, stat, |_, stat| stat);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.stat")]
extern "C" fn stat(descriptor: u32, to: u32) {
    let stat = with(|state| {
        let (id, _) = state.held_node(descriptor);
        state.stat_of(id)
    });
    answer_stat(to, Ok(stat));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.stat-at")]
extern "C" fn stat_at(descriptor: u32, _: u32, path: u32, length: u32, to: u32) {
    let stat = named(descriptor, path, length).with(|state, place| {
        let id = state.disk.find(place)?;
        Ok(state.stat_of(id))
    });
    answer_stat(to, stat);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.link-at")]
extern "C" fn link_at(
    from: u32,
    _: u32,
    old: u32,
    old_length: u32,
    descriptor: u32,
    new: u32,
    new_length: u32,
    to: u32,
) {
    let linked =
        named(from, old, old_length).with_both(named(descriptor, new, new_length), Disk::link);
    answer_done(to, linked);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.open-at")]
extern "C" fn open_at(
    descriptor: u32,
    _: u32,
    path: u32,
    length: u32,
    how: u32,
    flags: u32,
    to: u32,
) {
    answer_handle(
        to,
        named(descriptor, path, length).with(|state, place| {
            let id = state.ready(place, how)?;
            let flags = flags as u8;
            if flags & WRITE != 0 && state.disk.node(id).is_folder() {
                return Err(Errno::Isdir);
            }
            state.hold(Resource::Descriptor { id, flags })
        }),
    );
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.readlink-at")]
extern "C" fn readlink_at(descriptor: u32, path: u32, length: u32, to: u32) {
    // What is there is no link.
    let found = named(descriptor, path, length).with(|state, place| state.disk.find(place));
    let never = found.and(Err::<(), _>(Errno::Inval));
    answer::<12, ()>(to, 4, never, |done, ()| done);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.remove-directory-at")]
extern "C" fn remove_directory_at(descriptor: u32, path: u32, length: u32, to: u32) {
    answer_done(
        to,
        named(descriptor, path, length).with(|state, place| state.disk.remove_folder(place)),
    );
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.rename-at")]
extern "C" fn rename_at(
    from: u32,
    old: u32,
    old_length: u32,
    descriptor: u32,
    new: u32,
    new_length: u32,
    to: u32,
) {
    let renamed =
        named(from, old, old_length).with_both(named(descriptor, new, new_length), Disk::rename);
    answer_done(to, renamed);
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.symlink-at")]
extern "C" fn symlink_at(descriptor: u32, _: u32, _: u32, _: u32, _: u32, to: u32) {
    with(|state| state.held_node(descriptor));
    answer_done(to, Err(Errno::Notsup));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.unlink-file-at")]
extern "C" fn unlink_file_at(descriptor: u32, path: u32, length: u32, to: u32) {
    answer_done(to, named(descriptor, path, length).with(|state, place| state.disk.unlink(place)));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.is-same-object")]
extern "C" fn is_same_object(one: u32, other: u32) -> u32 {
    with(|state| u32::from(state.held_node(one).0 == state.held_node(other).0))
}

fn answer_hash(to: u32, id: Fallible<Id>) {
    // There is one disk, so what says which file it is needs one number.
    answer::<24, Id>(to, 8, id, |done, id| done.u64(8, id as u64 + 1));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.metadata-hash")]
extern "C" fn metadata_hash(descriptor: u32, to: u32) {
    let (id, _) = with(|state| state.held_node(descriptor));
    answer_hash(to, Ok(id));
}

#[unsafe(export_name = "wasi:filesystem/types.[method]descriptor.metadata-hash-at")]
extern "C" fn metadata_hash_at(descriptor: u32, _: u32, path: u32, length: u32, to: u32) {
    answer_hash(to, named(descriptor, path, length).with(|state, place| state.disk.find(place)));
}

#[unsafe(export_name = "wasi:filesystem/types.filesystem-error-code")]
extern "C" fn filesystem_error_code(error: u32, to: u32) {
    Layout::<2>::new().u8(0, 1).u8(1, error_code(errno_of(error))).write(to);
}
