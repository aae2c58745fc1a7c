//! Paths: `path_*` of preview 1. There are no symbolic links.

use alloc::vec::Vec;

use crate::disk::{Disk, Id, Place, ROOT};
use crate::errno::{Errno, Fallible, number};
use crate::state::{State, Target, with};
use crate::world;

const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;
const PATH_BYTES_MAX: u32 = 64 * 1024;

/// A path that the program names, and what says from which folder on.
pub struct Named<F> {
    pub folder: F,
    pub at: u32,
    pub length: u32,
}

impl<F: FnOnce(&mut State) -> Fallible<Id>> Named<F> {
    fn read(&self) -> Fallible<Vec<u8>> {
        if self.length > PATH_BYTES_MAX {
            return Err(Errno::Nametoolong);
        }
        world::read(self.at, self.length)
    }

    /// Does something with its place.
    pub fn with<T>(self, act: impl FnOnce(&mut State, &Place<'_>) -> Fallible<T>) -> Fallible<T> {
        let path = self.read()?;
        with(|state| {
            let folder = (self.folder)(state)?;
            let place = state.disk.place(folder, &path)?;
            act(state, &place)
        })
    }

    /// The same with two.
    pub fn with_both<G: FnOnce(&mut State) -> Fallible<Id>>(
        self,
        new: Named<G>,
        act: impl FnOnce(&mut Disk, &Place<'_>, &Place<'_>) -> Fallible,
    ) -> Fallible {
        let (old_path, new_path) = (self.read()?, new.read()?);
        with(|state| {
            let (from, to) = ((self.folder)(state)?, (new.folder)(state)?);
            let old = state.disk.place(from, &old_path)?;
            let new = state.disk.place(to, &new_path)?;
            act(&mut state.disk, &old, &new)
        })
    }
}

/// A path from one of the program's descriptors on.
fn named(file: u32, at: u32, length: u32) -> Named<impl FnOnce(&mut State) -> Fallible<Id>> {
    Named { folder: move |state: &mut State| state.node_of(file), at, length }
}

fn at_place(
    file: u32,
    path: u32,
    length: u32,
    act: impl FnOnce(&mut State, &Place<'_>) -> Fallible,
) -> i32 {
    number(named(file, path, length).with(act))
}

fn at_places(
    from: (u32, u32, u32),
    to: (u32, u32, u32),
    act: impl FnOnce(&mut Disk, &Place<'_>, &Place<'_>) -> Fallible,
) -> i32 {
    number(named(from.0, from.1, from.2).with_both(named(to.0, to.1, to.2), act))
}

impl State {
    /// A file that the submitter gave, and the folders above it; a folder, if its path ends in a slash.
    pub fn give(&mut self, path: &[u8], content: &[u8]) {
        let mut folder = ROOT;
        let mut rest = path;
        while let Some(slash) = rest.iter().position(|byte| *byte == b'/') {
            let name = &rest[..=slash];
            rest = &rest[slash + 1..];
            let Ok(place) = self.disk.place(folder, name) else { return };
            match self.disk.find(&place).or_else(|_| self.disk.make_folder(&place, 0)) {
                Ok(found) => folder = found,
                Err(_) => return,
            }
        }
        if rest.is_empty() {
            return;
        }
        let held = self.held();
        let made = self.disk.place(folder, rest).and_then(|place| {
            let id = self.disk.find(&place).or_else(|_| self.disk.make_file(&place, 0))?;
            self.disk.resize(id, content.len() as u64, held, 0)?;
            self.disk.bytes_at(id, 0, content.len())?.copy_from_slice(content);
            self.disk.node(id).is_changed = false;
            Ok(())
        });
        if made.is_err() {
            // The submitter has looked at names and sizes before.
            core::arch::wasm32::unreachable();
        }
    }

    /// Finds or makes what is to be opened. `how` has the same bits in both previews.
    pub fn ready(&mut self, place: &Place<'_>, how: u32) -> Fallible<Id> {
        let now = self.now_ns();
        let id: Id = match self.disk.find(place) {
            Ok(_) if how & CREATE != 0 && how & EXCLUSIVE != 0 => return Err(Errno::Exist),
            Ok(id) => id,
            Err(Errno::Noent) if how & CREATE != 0 => self.disk.make_file(place, now)?,
            Err(errno) => return Err(errno),
        };
        if how & DIRECTORY != 0 && !self.disk.node(id).is_folder() {
            return Err(Errno::Notdir);
        }
        if how & TRUNCATE != 0 {
            self.disk.resize(id, 0, 0, now)?;
        }
        Ok(id)
    }
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_open")]
extern "C" fn path_open(
    file: u32,
    _: u32,
    path: u32,
    length: u32,
    how: u32,
    _: u64,
    _: u64,
    flags: u32,
    opened: u32,
) -> i32 {
    at_place(file, path, length, |state, place| {
        let id = state.ready(place, how)?;
        let file = state.open(id, flags as u16)?;
        world::write_u32(opened, file);
        Ok(())
    })
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_filestat_get")]
extern "C" fn path_filestat_get(file: u32, _: u32, path: u32, length: u32, to: u32) -> i32 {
    at_place(file, path, length, |state, place| {
        let id = state.disk.find(place)?;
        world::write(to, &state.facts(Target::Node(id)));
        Ok(())
    })
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_filestat_set_times")]
extern "C" fn path_filestat_set_times(
    file: u32,
    _: u32,
    path: u32,
    length: u32,
    accessed: u64,
    modified: u64,
    which: u32,
) -> i32 {
    at_place(file, path, length, |state, place| {
        let id = state.disk.find(place)?;
        state.set_times(id, accessed, modified, which)
    })
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_create_directory")]
extern "C" fn path_create_directory(file: u32, path: u32, length: u32) -> i32 {
    at_place(file, path, length, |state, place| {
        let now = state.now_ns();
        state.disk.make_folder(place, now).map(drop)
    })
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_remove_directory")]
extern "C" fn path_remove_directory(file: u32, path: u32, length: u32) -> i32 {
    at_place(file, path, length, |state, place| state.disk.remove_folder(place))
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_unlink_file")]
extern "C" fn path_unlink_file(file: u32, path: u32, length: u32) -> i32 {
    at_place(file, path, length, |state, place| state.disk.unlink(place))
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_rename")]
extern "C" fn path_rename(
    from: u32,
    old: u32,
    old_length: u32,
    to: u32,
    new: u32,
    new_length: u32,
) -> i32 {
    at_places((from, old, old_length), (to, new, new_length), Disk::rename)
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_link")]
extern "C" fn path_link(
    from: u32,
    _: u32,
    old: u32,
    old_length: u32,
    to: u32,
    new: u32,
    new_length: u32,
) -> i32 {
    at_places((from, old, old_length), (to, new, new_length), Disk::link)
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_symlink")]
extern "C" fn path_symlink(_: u32, _: u32, _: u32, _: u32, _: u32) -> i32 {
    Errno::Notsup as i32
}

#[unsafe(export_name = "wasi_snapshot_preview1.path_readlink")]
extern "C" fn path_readlink(file: u32, path: u32, length: u32, _: u32, _: u32, _: u32) -> i32 {
    // What is there is no link.
    at_place(file, path, length, |state, place| {
        state.disk.find(place)?;
        Err(Errno::Inval)
    })
}
