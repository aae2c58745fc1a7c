//! Descriptors: `fd_*` of preview 1.

use alloc::vec::Vec;

use crate::disk::Id;
use crate::errno::{Errno, Fallible, number};
use crate::state::{Open, PREOPENED, State, Target, with};
use crate::world;

const CHARACTER_DEVICE: u8 = 2;
const FOLDER: u8 = 3;
const FILE: u8 = 4;
const APPEND: u16 = 1;
/// Rights, of which there are two kinds: to seek and tell, and all others.
const RIGHTS_ALL: u64 = 0x1fff_ffff;
const RIGHTS_SEEK: u64 = 1 << 2 | 1 << 5;
const DIRENT_BYTES: usize = 24;
pub const SET_ACCESSED: u32 = 1;
pub const SET_ACCESSED_NOW: u32 = 2;
pub const SET_MODIFIED: u32 = 4;
pub const SET_MODIFIED_NOW: u32 = 8;

/// The pieces of memory that a program names for one call: where, and how long.
fn vectors(at: u32, count: u32) -> Fallible<Vec<(u32, u32)>> {
    let bytes = world::read(at, count.checked_mul(8).ok_or(Errno::Inval)?)?;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    Ok(bytes.chunks_exact(8).map(|pair| (word(&pair[..4]), word(&pair[4..]))).collect())
}

impl State {
    /// Copies bytes to the program, and says how many.
    fn read(&mut self, file: u32, position: Option<u64>, at: u32, count: u32) -> Fallible<u32> {
        let open = *self.descriptor(file)?;
        let from = position.unwrap_or(open.position);
        let source = match open.target {
            Target::Stdin => self.stdin.get(from as usize..).unwrap_or(&[]),
            Target::Output(_) => return Err(Errno::Badf),
            Target::Node(id) => self.disk.read_at(id, from)?,
        };
        let mut read = 0;
        for (to, length) in vectors(at, count)? {
            let length = (length as usize).min(source.len() - read);
            world::write(to, &source[read..read + length]);
            read += length;
        }
        if position.is_none() {
            self.descriptor(file)?.position = from + read as u64;
        }
        Ok(read as u32)
    }

    /// Copies bytes from the program, and says how many.
    fn write(&mut self, file: u32, position: Option<u64>, at: u32, count: u32) -> Fallible<u32> {
        let open = *self.descriptor(file)?;
        let pieces = vectors(at, count)?;
        let total = pieces.iter().try_fold(0u32, |sum, (_, length)| sum.checked_add(*length));
        let total = total.ok_or(Errno::Inval)?;
        let id = match open.target {
            Target::Stdin => return Err(Errno::Badf),
            Target::Output(_) if position.is_some() => return Err(Errno::Spipe),
            Target::Output(which) => {
                for (from, length) in pieces {
                    self.output(which, u64::from(length), |to| world::read_onto(to, from, length))?;
                }
                return Ok(total);
            }
            Target::Node(id) => id,
        };
        let size = self.disk.node(id).size();
        let begin = match position {
            Some(position) => position,
            None if open.flags & APPEND != 0 => size,
            None => open.position,
        };
        let end = self.store(id, begin, u64::from(total), |mut to| {
            for (from, length) in pieces {
                let (piece, rest) = to.split_at_mut(length as usize);
                if length > 0 {
                    world::read_over(piece, from);
                }
                to = rest;
            }
        })?;
        if position.is_none() {
            self.descriptor(file)?.position = end;
        }
        Ok(total)
    }

    /// Writes so many bytes to a file and says where they end: `put` is given their place.
    pub fn store(
        &mut self,
        id: Id,
        begin: u64,
        length: u64,
        put: impl FnOnce(&mut [u8]),
    ) -> Fallible<u64> {
        let end = begin.checked_add(length).ok_or(Errno::Inval)?;
        let size = self.disk.node(id).size();
        let (held, now) = (self.held(), self.now_ns());
        self.disk.resize(id, size.max(if length > 0 { end } else { size }), held, now)?;
        if length > 0 {
            put(self.disk.bytes_at(id, begin, length as usize)?);
        }
        Ok(end)
    }

    fn seek(&mut self, file: u32, offset: i64, whence: u32) -> Fallible<u64> {
        let open = *self.descriptor(file)?;
        let size = match open.target {
            Target::Stdin => self.stdin.len() as u64,
            Target::Output(_) => return Err(Errno::Spipe),
            Target::Node(id) => self.disk.node(id).size(),
        };
        let base = match whence {
            0 => 0,
            1 => open.position,
            2 => size,
            _ => return Err(Errno::Inval),
        };
        let position = base.checked_add_signed(offset).ok_or(Errno::Inval)?;
        self.descriptor(file)?.position = position;
        Ok(position)
    }

    fn type_of(&mut self, target: Target) -> u8 {
        match target {
            Target::Stdin => FILE,
            Target::Output(_) => CHARACTER_DEVICE,
            Target::Node(id) => self.type_of_node(id),
        }
    }

    fn type_of_node(&mut self, id: Id) -> u8 {
        if self.disk.node(id).is_folder() { FOLDER } else { FILE }
    }

    fn status(&mut self, file: u32) -> Fallible<[u8; 24]> {
        let Open { target, flags, .. } = *self.descriptor(file)?;
        let mut status = [0; 24];
        status[0] = self.type_of(target);
        status[2..4].copy_from_slice(&flags.to_le_bytes());
        let is_terminal = matches!(target, Target::Output(which) if self.is_shown(which));
        let rights = if is_terminal { RIGHTS_ALL & !RIGHTS_SEEK } else { RIGHTS_ALL };
        status[8..16].copy_from_slice(&rights.to_le_bytes());
        status[16..24].copy_from_slice(&rights.to_le_bytes());
        Ok(status)
    }

    pub fn facts(&mut self, target: Target) -> [u8; 64] {
        let (number, links, size, times) = match target {
            Target::Node(id) => {
                let node = self.disk.node(id);
                let times = [node.accessed_ns, node.modified_ns, node.modified_ns];
                (id as u64 + 1, u64::from(node.links), node.size(), times)
            }
            Target::Stdin => (0, 1, self.stdin.len() as u64, [0; 3]),
            Target::Output(_) => (0, 1, 0, [0; 3]),
        };
        let mut facts = [0; 64];
        facts[16] = self.type_of(target);
        let mut put =
            |at: usize, value: u64| facts[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(8, number);
        put(24, links);
        put(32, size);
        put(40, times[0]);
        put(48, times[1]);
        put(56, times[2]);
        facts
    }

    pub fn set_times(&mut self, id: Id, accessed: u64, modified: u64, which: u32) -> Fallible {
        let both = |one, other| which & one != 0 && which & other != 0;
        if both(SET_ACCESSED, SET_ACCESSED_NOW) || both(SET_MODIFIED, SET_MODIFIED_NOW) {
            return Err(Errno::Inval);
        }
        let now = self.now_ns();
        let node = self.disk.node(id);
        if which & (SET_ACCESSED | SET_ACCESSED_NOW) != 0 {
            node.accessed_ns = if which & SET_ACCESSED == 0 { now } else { accessed };
        }
        if which & (SET_MODIFIED | SET_MODIFIED_NOW) != 0 {
            node.modified_ns = if which & SET_MODIFIED == 0 { now } else { modified };
        }
        Ok(())
    }

    /// Lists a folder from an entry on, as far as there is room for it.
    fn list(&mut self, file: u32, room: usize, cookie: u64) -> Fallible<Vec<u8>> {
        let folder = self.node_of(file)?;
        let parent = self.disk.parent_of(folder);
        let mut entries = self.disk.list(folder, cookie)?;
        let own = [(0, folder, b".".to_vec()), (1, parent, b"..".to_vec())];
        entries.splice(0..0, own.into_iter().skip(cookie.min(2) as usize));
        let mut listed = Vec::new();
        for (serial, id, name) in entries {
            listed.extend((serial + 1).to_le_bytes());
            listed.extend((id as u64 + 1).to_le_bytes());
            listed.extend((name.len() as u32).to_le_bytes());
            listed.extend([self.type_of_node(id), 0, 0, 0]);
            listed.extend(name);
            if listed.len() >= room {
                listed.truncate(room);
                break;
            }
        }
        Ok(listed)
    }
}

const _: () = assert!(DIRENT_BYTES == 8 + 8 + 4 + 4);

/// Gives the program a number at a place, or an error.
fn answer(to: u32, result: Fallible<u32>) -> i32 {
    number(result.map(|value| world::write_u32(to, value)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_read")]
extern "C" fn fd_read(file: u32, at: u32, count: u32, read: u32) -> i32 {
    answer(read, with(|state| state.read(file, None, at, count)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_pread")]
extern "C" fn fd_pread(file: u32, at: u32, count: u32, position: u64, read: u32) -> i32 {
    answer(read, with(|state| state.read(file, Some(position), at, count)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_write")]
extern "C" fn fd_write(file: u32, at: u32, count: u32, written: u32) -> i32 {
    answer(written, with(|state| state.write(file, None, at, count)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_pwrite")]
extern "C" fn fd_pwrite(file: u32, at: u32, count: u32, position: u64, written: u32) -> i32 {
    answer(written, with(|state| state.write(file, Some(position), at, count)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_seek")]
extern "C" fn fd_seek(file: u32, offset: i64, whence: u32, position: u32) -> i32 {
    let found = with(|state| state.seek(file, offset, whence));
    number(found.map(|found| world::write_u64(position, found)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_tell")]
extern "C" fn fd_tell(file: u32, position: u32) -> i32 {
    fd_seek(file, 0, 1, position)
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_close")]
extern "C" fn fd_close(file: u32) -> i32 {
    number(with(|state| state.close(file)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_renumber")]
extern "C" fn fd_renumber(from: u32, to: u32) -> i32 {
    number(with(|state| state.renumber(from, to)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_fdstat_get")]
extern "C" fn fd_fdstat_get(file: u32, to: u32) -> i32 {
    number(with(|state| state.status(file)).map(|status| world::write(to, &status)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_fdstat_set_flags")]
extern "C" fn fd_fdstat_set_flags(file: u32, flags: u32) -> i32 {
    number(with(|state| {
        state.descriptor(file)?.flags = flags as u16;
        Ok(())
    }))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_fdstat_set_rights")]
extern "C" fn fd_fdstat_set_rights(file: u32, _: u64, _: u64) -> i32 {
    // A program may do with its own files what it likes, whatever it says here.
    number(with(|state| state.descriptor(file).map(drop)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_filestat_get")]
extern "C" fn fd_filestat_get(file: u32, to: u32) -> i32 {
    let facts = with(|state| {
        let target = state.descriptor(file)?.target;
        Ok(state.facts(target))
    });
    number(facts.map(|facts: [u8; 64]| world::write(to, &facts)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_filestat_set_size")]
extern "C" fn fd_filestat_set_size(file: u32, size: u64) -> i32 {
    number(with(|state| {
        let id = state.node_of(file)?;
        let now = state.now_ns();
        let held = state.held();
        state.disk.resize(id, size, held, now)
    }))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_allocate")]
extern "C" fn fd_allocate(file: u32, offset: u64, length: u64) -> i32 {
    number(with(|state| {
        let id = state.node_of(file)?;
        let end = offset.checked_add(length).ok_or(Errno::Inval)?;
        let now = state.now_ns();
        let held = state.held();
        let size = state.disk.node(id).size().max(end);
        state.disk.resize(id, size, held, now)
    }))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_filestat_set_times")]
extern "C" fn fd_filestat_set_times(file: u32, accessed: u64, modified: u64, which: u32) -> i32 {
    number(with(|state| {
        let id = state.node_of(file)?;
        state.set_times(id, accessed, modified, which)
    }))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_advise")]
extern "C" fn fd_advise(file: u32, _: u64, _: u64, _: u32) -> i32 {
    number(with(|state| state.descriptor(file).map(drop)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_sync")]
extern "C" fn fd_sync(file: u32) -> i32 {
    number(with(|state| state.descriptor(file).map(drop)))
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_datasync")]
extern "C" fn fd_datasync(file: u32) -> i32 {
    fd_sync(file)
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_readdir")]
extern "C" fn fd_readdir(file: u32, to: u32, length: u32, cookie: u64, used: u32) -> i32 {
    let listed = with(|state| state.list(file, length as usize, cookie));
    answer(
        used,
        listed.map(|listed| {
            world::write(to, &listed);
            listed.len() as u32
        }),
    )
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_prestat_get")]
extern "C" fn fd_prestat_get(file: u32, to: u32) -> i32 {
    if file != PREOPENED {
        return Errno::Badf as i32;
    }
    // A folder, whose name has one byte.
    world::write_u32(to, 0);
    world::write_u32(to.wrapping_add(4), 1);
    0
}

#[unsafe(export_name = "wasi_snapshot_preview1.fd_prestat_dir_name")]
extern "C" fn fd_prestat_dir_name(file: u32, to: u32, length: u32) -> i32 {
    match (file, length) {
        (PREOPENED, 1..) => {
            world::write(to, b"/");
            0
        }
        (PREOPENED, 0) => Errno::Nametoolong as i32,
        _ => Errno::Badf as i32,
    }
}
