//! A folder of blobs, one file each, named by content id. Bounded; the longest unused go first.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use spm_protocol::ContentId;

/// A blob folder could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the blob folder `{}`", path.display())]
pub struct FolderError {
    /// The folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    bytes_max: u64,
    files: BTreeMap<ContentId, File>,
    bytes: u64,
    clock: u64,
}

#[derive(Debug)]
struct File {
    bytes: u64,
    used: u64,
}

impl Folder {
    /// Opens the folder, made if need be. Files left behind by a crash, or past the limit, are removed.
    pub(super) fn open(path: &Path, bytes_max: u64) -> Result<Self, FolderError> {
        let error = |source| FolderError { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(error)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(error)? {
            let entry = entry.map_err(error)?;
            let metadata = entry.metadata().map_err(error)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match name.parse::<ContentId>() {
                Ok(id) => {
                    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push((modified, id, metadata.len()));
                }
                Err(_) if name.starts_with(TEMPORARY_PREFIX) => {
                    fs::remove_file(entry.path()).map_err(error)?;
                }
                Err(_) => {}
            }
        }
        found.sort();
        let mut folder =
            Self { path: path.to_owned(), bytes_max, files: BTreeMap::new(), bytes: 0, clock: 0 };
        for (_, id, bytes) in found {
            folder.remember(id, bytes);
        }
        folder.make_room(0);
        Ok(folder)
    }

    pub(super) fn contains(&self, id: ContentId) -> bool {
        self.files.contains_key(&id)
    }

    /// The blob, if it is here and still what its name says. A damaged file is removed.
    pub(super) fn read(&mut self, id: ContentId) -> Option<Vec<u8>> {
        self.clock += 1;
        self.files.get_mut(&id)?.used = self.clock;
        match fs::read(self.file(id)) {
            Ok(bytes) if ContentId::of(&bytes) == id => Some(bytes),
            Ok(_) => {
                tracing::warn!(%id, "blob file is damaged and was removed");
                self.remove(id);
                None
            }
            Err(error) => {
                tracing::warn!(%id, %error, "blob file cannot be read");
                self.remove(id);
                None
            }
        }
    }

    /// Writes the blob, if it fits at all. A blob that cannot be written is only not cached.
    pub(super) fn write(&mut self, id: ContentId, content: &[u8]) {
        let bytes = content.len() as u64;
        if self.contains(id) || bytes > self.bytes_max {
            return;
        }
        self.make_room(bytes);
        match self.write_file(id, content) {
            Ok(()) => self.remember(id, bytes),
            Err(error) => tracing::warn!(%id, %error, "blob file cannot be written"),
        }
    }

    fn write_file(&self, id: ContentId, content: &[u8]) -> io::Result<()> {
        let suffix = getrandom::u64().map_err(io::Error::other)?;
        let temporary = self.path.join(format!("{TEMPORARY_PREFIX}{suffix:016x}"));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(content))
            // Reading verifies the content, so it need not be synced first.
            .and_then(|()| fs::rename(&temporary, self.file(id)));
        if written.is_err() {
            // It may not even have been made.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn file(&self, id: ContentId) -> PathBuf {
        self.path.join(id.to_string())
    }

    fn remember(&mut self, id: ContentId, bytes: u64) {
        self.clock += 1;
        self.bytes += bytes;
        self.files.insert(id, File { bytes, used: self.clock });
    }

    fn remove(&mut self, id: ContentId) {
        if let Some(file) = self.files.remove(&id) {
            self.bytes -= file.bytes;
            if let Err(error) = fs::remove_file(self.file(id)) {
                tracing::warn!(%id, %error, "blob file cannot be removed");
            }
        }
    }

    fn make_room(&mut self, bytes: u64) {
        while self.bytes + bytes > self.bytes_max {
            let Some((id, _)) = self.files.iter().min_by_key(|(_, file)| file.used) else { return };
            let id = *id;
            self.remove(id);
        }
    }
}

const TEMPORARY_PREFIX: &str = ".new-";
