//! Which ids the runtimes on this machine have, so that a process that only may need one does not read it.
//!
//! To hash an interpreter takes tens of milliseconds. The ids of those that were hashed are kept in the user's cache,
//! with all by which the system tells that a file was changed; whoever reads a runtime later compares it with its id.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use spm_protocol::ContentId;
use spm_protocol::limits::MIB;

/// Smaller files are hashed sooner than they are looked up.
const KEPT_FROM_BYTES: u64 = MIB as u64;
/// Lines that are kept, the latest last.
const LINES_MAX: usize = 32;
/// A list of that many lines is shorter.
const LIST_BYTES_MAX: u64 = 1 << 16;
const FILE: &str = "runtime-ids";

/// A file as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) bytes: u64,
    inode: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self {
            bytes: found.len(),
            inode: (found.dev(), found.ino()),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// What the line of this version of `path` begins with.
    #[allow(clippy::unnecessary_debug_formatting, reason = "a name may hold the end of a line")]
    fn key(&self, path: &Path) -> String {
        let pair = |(one, other): (i64, i64)| format!("{one}.{other}");
        let (path, (device, inode)) = (path.as_os_str(), self.inode);
        let (modified, changed) = (pair(self.modified), pair(self.changed));
        format!("{path:?} {} {device}.{inode} {modified} {changed} ", self.bytes)
    }
}

fn list() -> Option<PathBuf> {
    Some(super::cache_dir()?.join(FILE))
}

fn lines(list: &Path) -> Vec<String> {
    let is_list = fs::metadata(list).is_ok_and(|found| found.len() <= LIST_BYTES_MAX);
    let text = if is_list { fs::read_to_string(list).unwrap_or_default() } else { String::new() };
    text.lines().map(str::to_owned).collect()
}

/// The id of a file that was hashed before, and has not changed since.
pub(super) fn find(path: &Path, version: Version) -> Option<ContentId> {
    if version.bytes < KEPT_FROM_BYTES {
        return None;
    }
    let key = version.key(path);
    lines(&list()?).iter().find_map(|line| line.strip_prefix(&key)?.parse().ok())
}

/// Notes the id of a file. That is for the next process; if it cannot be written, that one hashes again.
pub(super) fn keep(path: &Path, version: Version, id: ContentId) {
    if version.bytes < KEPT_FROM_BYTES || Version::of(path).ok() != Some(version) {
        return;
    }
    if let Some(list) = list()
        && let Err(error) = write(&list, &version.key(path), id)
    {
        tracing::debug!(%error, "the id of a runtime is not kept");
    }
}

fn write(list: &Path, key: &str, id: ContentId) -> io::Result<()> {
    let folder = list.parent().unwrap_or(list);
    fs::create_dir_all(folder)?;
    let mut lines = lines(list);
    lines.push(format!("{key}{id}"));
    let first = lines.len().saturating_sub(LINES_MAX);
    let whole = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(whole.path(), lines[first..].join("\n") + "\n")?;
    whole.persist(list)?;
    Ok(())
}
