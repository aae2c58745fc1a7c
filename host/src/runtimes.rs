//! The interpreters of engines, as files: those that came with SPM, and those that were fetched.
//!
//! A runtime is known by its content, so a file needs no name that says what it is: whatever is asked for is read and
//! compared with its id. Equal installations have equal files, and nothing travels between them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use spm_protocol::ContentId;
use spm_protocol::limits::{COMPONENT_BYTES_MAX, MIB};

/// Bytes of fetched runtimes that are kept; past it those unused longest go. Three of the largest.
const KEPT_BYTES_MAX: u64 = 3 * COMPONENT_BYTES_MAX as u64;
/// Runtimes in the folder of an installation that are looked at.
const INSTALLED_MAX: usize = 16;
const FOLDER: &str = "runtimes";
const EXTENSION: &str = "wasm";

const _: () = assert!(KEPT_BYTES_MAX >= 64 * MIB as u64);

/// Where runtimes are.
#[derive(Debug, Default)]
pub(crate) struct Runtimes {
    installed: Vec<PathBuf>,
    kept: Option<PathBuf>,
}

/// A runtime that came with SPM.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) id: ContentId,
    pub(crate) content: Bytes,
}

impl Runtimes {
    /// Those of `engines`, and what is fetched into `state_dir`.
    pub(crate) fn new(engines: Option<&Path>, state_dir: Option<&Path>) -> Self {
        let mut installed = engines.map(files).unwrap_or_default();
        installed.truncate(INSTALLED_MAX);
        Self { installed, kept: state_dir.map(|dir| dir.join(FOLDER)) }
    }

    /// The paths of those that came with SPM.
    pub(crate) fn installed(&self) -> &[PathBuf] {
        &self.installed
    }

    /// The runtime of this id and length, if it is here.
    pub(crate) fn get(&self, id: ContentId, bytes: u64) -> Option<Bytes> {
        let kept = self.kept.as_ref().map(|folder| folder.join(file_name(id)));
        let found = self.installed.iter().chain(&kept).find_map(|path| {
            let content = read(path, Some(bytes)).ok()?;
            (ContentId::of(&content) == id).then(|| (path, Bytes::from(content)))
        });
        let (path, content) = found?;
        if kept.as_ref() == Some(path) {
            // When it was used last decides what makes room. If that cannot be written, it goes earlier.
            let _ = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some(content)
    }

    /// Keeps a runtime that was fetched and checked. What goes wrong is logged: it is fetched again then.
    pub(crate) fn keep(&self, id: ContentId, content: &[u8]) {
        if let Some(folder) = &self.kept
            && let Err(error) = put(folder, id, content)
        {
            tracing::warn!(%id, %error, "runtime cannot be kept");
        }
    }

    /// Keeps a runtime that was made here. Returns its path.
    pub(crate) fn add(state_dir: &Path, id: ContentId, content: &[u8]) -> io::Result<PathBuf> {
        put(&state_dir.join(FOLDER), id, content)
    }
}

impl Installed {
    /// Reads a runtime that came with SPM.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let content = Bytes::from(read(path, None)?);
        Ok(Self { id: ContentId::of(&content), content })
    }
}

fn put(folder: &Path, id: ContentId, content: &[u8]) -> io::Result<PathBuf> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    let path = folder.join(file_name(id));
    file.persist(&path).map_err(|error| error.error)?;
    trim(folder)?;
    Ok(path)
}

fn file_name(id: ContentId) -> String {
    format!("{}.{EXTENSION}", blake3::Hash::from_bytes(*id.digest()).to_hex())
}

/// The components in a folder, in the order of their names; none if it cannot be read.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    files.sort();
    files
}

/// Reads a file, if it is of this length.
fn read(path: &Path, bytes: Option<u64>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let length = metadata.len();
    if !metadata.is_file() || length > COMPONENT_BYTES_MAX as u64 {
        return Err(io::Error::other("no file of a component's length"));
    }
    if bytes.is_some_and(|bytes| bytes != length) {
        return Err(io::Error::other("another file"));
    }
    let mut content = Vec::with_capacity(length as usize);
    Read::by_ref(&mut file).take(length).read_to_end(&mut content)?;
    Ok(content)
}

fn trim(folder: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for path in files(folder) {
        let metadata = fs::metadata(&path)?;
        kept.push((metadata.modified()?, metadata.len(), path));
    }
    kept.sort();
    let mut bytes: u64 = kept.iter().map(|(_, length, _)| length).sum();
    for (_, length, path) in kept {
        if bytes <= KEPT_BYTES_MAX {
            break;
        }
        fs::remove_file(path)?;
        bytes -= length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_is_found_by_its_content() {
        let (engines, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(engines.path().join("python.wasm"), b"installed").unwrap();
        fs::write(engines.path().join("python.licences.txt"), b"a licence").unwrap();
        let runtimes = Runtimes::new(Some(engines.path()), Some(state.path()));
        assert_eq!(runtimes.installed().len(), 1);
        let get = |content: &[u8]| runtimes.get(ContentId::of(content), content.len() as u64);
        assert_eq!(get(b"installed").as_deref(), Some(&b"installed"[..]));
        assert_eq!(get(b"a licence"), None);
        assert_eq!(get(b"fetched"), None);
        runtimes.keep(ContentId::of(b"fetched"), b"fetched");
        assert_eq!(get(b"fetched").as_deref(), Some(&b"fetched"[..]));
        let later = Runtimes::new(None, Some(state.path()));
        assert!(later.get(ContentId::of(b"fetched"), 7).is_some());
        // A file that is not what its name says is not given out.
        fs::write(state.path().join(FOLDER).join(file_name(ContentId::of(b"fetched"))), b"changed")
            .unwrap();
        assert_eq!(get(b"fetched"), None);
    }

    #[test]
    fn those_unused_longest_make_room() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        for number in 0..4_u8 {
            let path = folder.join(format!("{number}.wasm"));
            let file = File::create(&path).unwrap();
            // Sparse: nothing of it is written.
            file.set_len(COMPONENT_BYTES_MAX as u64).unwrap();
            let age = std::time::Duration::from_secs(100 - u64::from(number));
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        let content = b"the newest";
        Runtimes::new(None, Some(state.path())).keep(ContentId::of(content), content);
        let left: Vec<String> = files(&folder)
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(left.len(), 3);
        assert!(!left.contains(&"0.wasm".to_owned()) && !left.contains(&"1.wasm".to_owned()));
        assert!(left.contains(&file_name(ContentId::of(content))));
    }
}
