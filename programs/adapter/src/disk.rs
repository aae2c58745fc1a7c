//! Files and folders in memory.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::errno::{Errno, Fallible};

/// Bytes that all files may have together, standard streams included: what is left of a result has room for names.
pub const BYTES_MAX: usize = 240 << 20;
const NAME_BYTES_MAX: usize = 255;
/// How deep folders may be, so that nobody recurses further.
const DEPTH_MAX: usize = 256;

pub type Id = usize;
pub const ROOT: Id = 0;

pub enum Kind {
    File(Vec<u8>),
    Folder { entries: BTreeMap<Vec<u8>, Entry>, parent: Id },
}

#[derive(Clone, Copy)]
pub struct Entry {
    pub node: Id,
    /// Rises with every entry that is made, so that a list that goes on finds its place whatever was removed.
    pub serial: u64,
}

pub struct Node {
    pub kind: Kind,
    /// Names it has.
    pub links: u32,
    /// Descriptors it is open by.
    pub opened: u32,
    /// Whether it is other than what the submitter gave.
    pub is_changed: bool,
    pub accessed_ns: u64,
    pub modified_ns: u64,
}

impl Node {
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder { .. })
    }

    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(bytes) => bytes.len() as u64,
            Kind::Folder { .. } => 0,
        }
    }
}

/// Where a path leads: a folder, and the name in it; none if it is the folder itself.
pub struct Place<'a> {
    pub folder: Id,
    pub name: Option<&'a [u8]>,
    /// Whether it has to be a folder, as the path ends in a slash.
    pub wants_folder: bool,
}

pub struct Disk {
    nodes: Vec<Option<Node>>,
    free: Vec<Id>,
    serial: u64,
    /// Bytes of all files.
    pub bytes: usize,
}

impl Disk {
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), serial: 2, bytes: 0 }
    }

    pub fn begin(&mut self) {
        if self.nodes.is_empty() {
            let root = self.add(Kind::Folder { entries: BTreeMap::new(), parent: ROOT }, 0);
            self.node(root).links = 1;
        }
    }

    fn add(&mut self, kind: Kind, now_ns: u64) -> Id {
        let node = Node {
            kind,
            links: 0,
            opened: 0,
            is_changed: true,
            accessed_ns: now_ns,
            modified_ns: now_ns,
        };
        if let Some(id) = self.free.pop() {
            self.nodes[id] = Some(node);
            id
        } else {
            self.nodes.push(Some(node));
            self.nodes.len() - 1
        }
    }

    /// A node that has a name or a descriptor, and so is there.
    pub fn node(&mut self, id: Id) -> &mut Node {
        match &mut self.nodes[id] {
            Some(node) => node,
            None => core::arch::wasm32::unreachable(),
        }
    }

    fn entries(&mut self, folder: Id) -> Fallible<&mut BTreeMap<Vec<u8>, Entry>> {
        match &mut self.node(folder).kind {
            Kind::Folder { entries, .. } => Ok(entries),
            Kind::File(_) => Err(Errno::Notdir),
        }
    }

    fn parent(&mut self, folder: Id) -> Fallible<Id> {
        match self.node(folder).kind {
            Kind::Folder { parent, .. } => Ok(parent),
            Kind::File(_) => Err(Errno::Notdir),
        }
    }

    /// Follows a path but for its last name. `..` of the root is the root.
    pub fn place<'a>(&mut self, mut folder: Id, path: &'a [u8]) -> Fallible<Place<'a>> {
        if path.is_empty() {
            return Err(Errno::Noent);
        }
        if path.contains(&0) {
            return Err(Errno::Inval);
        }
        if path[0] == b'/' {
            folder = ROOT;
        }
        let wants_folder = path.ends_with(b"/") || path.ends_with(b"/.") || path == b".";
        let mut last: Option<&[u8]> = None;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            if name == b"." {
                continue;
            }
            if name.len() > NAME_BYTES_MAX {
                return Err(Errno::Nametoolong);
            }
            if let Some(before) = last.take() {
                folder = self.child(folder, before)?;
            }
            if name == b".." {
                folder = self.parent(folder)?;
            } else {
                self.entries(folder)?;
                last = Some(name);
            }
        }
        self.entries(folder)?;
        Ok(Place { folder, name: last, wants_folder })
    }

    fn child(&mut self, folder: Id, name: &[u8]) -> Fallible<Id> {
        self.entries(folder)?.get(name).map(|entry| entry.node).ok_or(Errno::Noent)
    }

    /// What is at a place.
    pub fn find(&mut self, place: &Place<'_>) -> Fallible<Id> {
        let Some(name) = place.name else { return Ok(place.folder) };
        let found = self.child(place.folder, name)?;
        if place.wants_folder && !self.node(found).is_folder() {
            return Err(Errno::Notdir);
        }
        Ok(found)
    }

    fn enter(&mut self, folder: Id, name: &[u8], node: Id) -> Fallible {
        if core::str::from_utf8(name).is_err() {
            return Err(Errno::Ilseq);
        }
        self.serial += 1;
        let entry = Entry { node, serial: self.serial };
        self.entries(folder)?.insert(name.to_vec(), entry);
        self.node(node).links += 1;
        Ok(())
    }

    fn make(&mut self, place: &Place<'_>, kind: Kind, now_ns: u64) -> Fallible<Id> {
        let name = place.name.ok_or(Errno::Exist)?;
        if self.entries(place.folder)?.contains_key(name) {
            return Err(Errno::Exist);
        }
        // A folder without a name is nowhere any more.
        if self.node(place.folder).links == 0 {
            return Err(Errno::Noent);
        }
        let id = self.add(kind, now_ns);
        if let Err(errno) = self.enter(place.folder, name, id) {
            self.nodes[id] = None;
            self.free.push(id);
            return Err(errno);
        }
        self.node(place.folder).modified_ns = now_ns;
        Ok(id)
    }

    pub fn make_file(&mut self, place: &Place<'_>, now_ns: u64) -> Fallible<Id> {
        if place.wants_folder {
            return Err(Errno::Isdir);
        }
        self.make(place, Kind::File(Vec::new()), now_ns)
    }

    pub fn make_folder(&mut self, place: &Place<'_>, now_ns: u64) -> Fallible<Id> {
        if self.depth(place.folder)? >= DEPTH_MAX {
            return Err(Errno::Nametoolong);
        }
        let kind = Kind::Folder { entries: BTreeMap::new(), parent: place.folder };
        self.make(place, kind, now_ns)
    }

    fn depth(&mut self, mut folder: Id) -> Fallible<usize> {
        let mut depth = 0;
        while folder != ROOT {
            folder = self.parent(folder)?;
            depth += 1;
        }
        Ok(depth)
    }

    /// Takes a name away, and what has no other.
    fn leave(&mut self, folder: Id, name: &[u8]) -> Fallible {
        if let Some(entry) = self.entries(folder)?.remove(name) {
            self.node(entry.node).links -= 1;
            self.forget(entry.node);
        }
        Ok(())
    }

    /// Frees what has no name and no descriptor.
    fn forget(&mut self, id: Id) {
        let node = self.node(id);
        if node.links == 0 && node.opened == 0 {
            if let Kind::File(bytes) = &node.kind {
                self.bytes -= bytes.len();
            }
            self.nodes[id] = None;
            self.free.push(id);
        }
    }

    pub fn open(&mut self, id: Id) {
        self.node(id).opened += 1;
    }

    pub fn close(&mut self, id: Id) {
        self.node(id).opened -= 1;
        self.forget(id);
    }

    pub fn unlink(&mut self, place: &Place<'_>) -> Fallible {
        let found = self.find(place)?;
        let Some(name) = place.name else { return Err(Errno::Isdir) };
        if self.node(found).is_folder() {
            return Err(Errno::Isdir);
        }
        self.leave(place.folder, name)
    }

    pub fn remove_folder(&mut self, place: &Place<'_>) -> Fallible {
        let found = self.find(place)?;
        if !self.entries(found)?.is_empty() {
            return Err(Errno::Notempty);
        }
        let name = place.name.ok_or(Errno::Inval)?;
        self.leave(place.folder, name)
    }

    pub fn link(&mut self, from: &Place<'_>, to: &Place<'_>) -> Fallible {
        let node = self.find(from)?;
        if self.node(node).is_folder() {
            return Err(Errno::Perm);
        }
        let name = to.name.filter(|_| !to.wants_folder).ok_or(Errno::Exist)?;
        if self.entries(to.folder)?.contains_key(name) {
            return Err(Errno::Exist);
        }
        if self.node(node).links == u32::MAX {
            return Err(Errno::Mlink);
        }
        // Another name is a change of what the submitter gave.
        self.node(node).is_changed = true;
        self.enter(to.folder, name, node)
    }

    pub fn rename(&mut self, from: &Place<'_>, to: &Place<'_>) -> Fallible {
        let node = self.find(from)?;
        let (Some(old), Some(new)) = (from.name, to.name) else { return Err(Errno::Inval) };
        let is_folder = self.node(node).is_folder();
        if to.wants_folder && !is_folder {
            return Err(Errno::Notdir);
        }
        if let Ok(target) = self.child(to.folder, new) {
            if target == node {
                return Ok(());
            }
            match (is_folder, self.node(target).is_folder()) {
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                (true, true) if !self.entries(target)?.is_empty() => return Err(Errno::Notempty),
                _ => {}
            }
        }
        if is_folder {
            // No folder goes into itself.
            let mut above = to.folder;
            while above != ROOT {
                if above == node {
                    return Err(Errno::Inval);
                }
                above = self.parent(above)?;
            }
        }
        if core::str::from_utf8(new).is_err() {
            return Err(Errno::Ilseq);
        }
        self.leave(to.folder, new)?;
        self.enter(to.folder, new, node)?;
        self.leave(from.folder, old)?;
        self.touch(node);
        if let Kind::Folder { parent, .. } = &mut self.node(node).kind {
            *parent = to.folder;
        }
        Ok(())
    }

    /// Marks files under a new name as changed, as they are at another path now.
    fn touch(&mut self, id: Id) {
        self.node(id).is_changed = true;
        if let Kind::Folder { entries, .. } = &self.node(id).kind {
            let below: Vec<Id> = entries.values().map(|entry| entry.node).collect();
            for id in below {
                self.touch(id);
            }
        }
    }

    /// What can be read of a file from here on.
    pub fn read_at(&mut self, id: Id, position: u64) -> Fallible<&[u8]> {
        match &self.node(id).kind {
            Kind::File(bytes) => {
                let begin = usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
                Ok(&bytes[begin..])
            }
            Kind::Folder { .. } => Err(Errno::Isdir),
        }
    }

    /// Makes a file as long as this, if there is room beside `held` bytes that are no file's.
    pub fn resize(&mut self, id: Id, length: u64, held: usize, now_ns: u64) -> Fallible {
        let used = self.bytes;
        let node = self.node(id);
        let Kind::File(bytes) = &mut node.kind else { return Err(Errno::Isdir) };
        let others = used - bytes.len();
        let length = usize::try_from(length).map_err(|_| Errno::Nospc)?;
        if length > bytes.len() {
            if length > BYTES_MAX.saturating_sub(others + held) {
                return Err(Errno::Nospc);
            }
            bytes.try_reserve(length - bytes.len()).map_err(|_| Errno::Nospc)?;
        }
        bytes.resize(length, 0);
        node.is_changed = true;
        node.modified_ns = now_ns;
        self.bytes = others + length;
        Ok(())
    }

    /// Where bytes of a file are written that are there already.
    pub fn bytes_at(&mut self, id: Id, position: u64, length: usize) -> Fallible<&mut [u8]> {
        match &mut self.node(id).kind {
            Kind::File(bytes) => Ok(&mut bytes[position as usize..][..length]),
            Kind::Folder { .. } => Err(Errno::Isdir),
        }
    }

    /// The entries of a folder from a serial on, in the order in which they were made.
    pub fn list(&mut self, folder: Id, from: u64) -> Fallible<Vec<(u64, Id, Vec<u8>)>> {
        let mut found: Vec<_> = self
            .entries(folder)?
            .iter()
            .filter(|(_, entry)| entry.serial >= from)
            .map(|(name, entry)| (entry.serial, entry.node, name.clone()))
            .collect();
        found.sort_unstable_by_key(|(serial, ..)| *serial);
        Ok(found)
    }

    pub fn parent_of(&mut self, folder: Id) -> Id {
        self.parent(folder).unwrap_or(ROOT)
    }

    /// Calls `each` with every file that is not as the submitter gave it, by its path, in order.
    pub fn changed(&self, each: &mut impl FnMut(&[u8], &[u8])) {
        self.changed_below(ROOT, &mut Vec::new(), each);
    }

    fn changed_below(&self, id: Id, path: &mut Vec<u8>, each: &mut impl FnMut(&[u8], &[u8])) {
        let Some(node) = &self.nodes[id] else { return };
        match &node.kind {
            Kind::File(bytes) if node.is_changed => each(path, bytes),
            Kind::File(_) => {}
            Kind::Folder { entries, .. } => {
                let length = path.len();
                for (name, entry) in entries {
                    if length > 0 {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name);
                    self.changed_below(entry.node, path, each);
                    path.truncate(length);
                }
            }
        }
    }
}
