//! Compiled components on disk, for the next start of a host.
//!
//! An artefact is machine code, and loading it trusts it wholly. So each file ends with a MAC under a key that only
//! this state folder has, over the file's name and its content: what another user, another version or a broken disk
//! left there is not loaded, but made again. Nothing that goes wrong here is more than a slower start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use spm_protocol::ContentId;
use spm_protocol::limits::MIB;

use crate::sandbox::Artefact;

/// Bytes of artefacts that are kept; past it those unused longest go.
pub const CACHE_BYTES_MAX: u64 = 3072 * MIB as u64;
/// Largest artefact that is kept. That of a 100 MiB component is about twice its size.
const ARTEFACT_BYTES_MAX: u64 = 512 * MIB as u64;
/// Artefacts from this size on are mapped from their files, so that processes share what of them they use.
const MAPPED_BYTES_MIN: u64 = 4 * MIB as u64;
const KEY_FILE: &str = "cache.key";
/// Locked by whoever compiles what takes long.
const LOCK_FILE: &str = "compile.lock";
/// How often whoever waits for that lock looks for it.
const LOCK_LOOK: Duration = Duration::from_millis(20);
const FOLDER: &str = "artefacts";
const MAC_BYTES: usize = blake3::OUT_LEN;

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the cache folder `{}`", path.display())]
pub struct CacheError {
    /// The folder.
    pub path: PathBuf,
    /// What went wrong.
    pub source: io::Error,
}

/// What an artefact is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheKey {
    /// The component.
    pub component: ContentId,
    /// The engine, as [`Sandbox::compatibility`](crate::sandbox::Sandbox::compatibility) says.
    pub compatibility: u64,
}

impl CacheKey {
    fn file_name(&self) -> String {
        let component = blake3::Hash::from_bytes(*self.component.digest()).to_hex();
        format!("{component}-{:016x}", self.compatibility)
    }
}

/// An artefact out of the cache.
#[derive(Debug)]
pub struct Cached(Content);

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    /// The path is of the open file.
    File {
        _file: File,
        path: PathBuf,
    },
}

impl Cached {
    fn file(file: File) -> Self {
        // The file that was looked at, whatever its name stands for by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
        Self(Content::File { _file: file, path })
    }

    /// What the sandbox loads.
    pub fn artefact(&self) -> Artefact<'_> {
        match &self.0 {
            Content::Bytes(bytes) => Artefact::Bytes(bytes),
            Content::File { path, .. } => Artefact::File(path),
        }
    }
}

/// The right to compile what takes long. Given back when it is dropped.
#[derive(Debug)]
pub struct CompileLock {
    _file: File,
}

/// A folder of artefacts.
#[derive(Debug)]
pub struct ArtefactCache {
    state_dir: PathBuf,
    folder: PathBuf,
    key: [u8; 32],
    bytes_max: u64,
    /// Held while files are counted and removed.
    trimming: Mutex<()>,
}

impl ArtefactCache {
    /// Opens the cache in `state_dir`, made there first if need be, for its owner alone.
    ///
    /// # Errors
    /// If the folder or the key in it cannot be made or read.
    pub fn open(state_dir: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        let open = || {
            let folder = state_dir.join(FOLDER);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            let key = load_or_create_key(&state_dir.join(KEY_FILE))?;
            let state_dir = state_dir.to_owned();
            Ok(Self { state_dir, folder, key, bytes_max, trimming: Mutex::new(()) })
        };
        open().map_err(|source| CacheError { path: state_dir.to_owned(), source })
    }

    /// The artefact, if it is here and is ours.
    pub fn get(&self, key: &CacheKey) -> Option<Cached> {
        let name = key.file_name();
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(self.folder.join(&name))
            .ok()?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
        let artefact_bytes = length.checked_sub(MAC_BYTES as u64)?;
        if artefact_bytes > ARTEFACT_BYTES_MAX {
            return None;
        }
        let is_mapped = artefact_bytes >= MAPPED_BYTES_MIN && cfg!(target_os = "linux");
        let mut hasher = self.hasher(&name);
        let mut artefact = Vec::new();
        if is_mapped {
            hasher.update_reader(Read::by_ref(&mut file).take(artefact_bytes)).ok()?;
        } else {
            artefact.reserve_exact(artefact_bytes as usize);
            Read::by_ref(&mut file).take(artefact_bytes).read_to_end(&mut artefact).ok()?;
            hasher.update(&artefact);
        }
        let mut mac = [0; MAC_BYTES];
        file.read_exact(&mut mac).ok()?;
        if hasher.finalize() != blake3::Hash::from_bytes(mac) {
            tracing::warn!(file = name, "cached artefact is damaged or not ours; it is made again");
            return None;
        }
        // When it was used last decides what makes room. If that cannot be written, it goes earlier.
        let _ = file.set_modified(SystemTime::now());
        Some(if is_mapped { Cached::file(file) } else { Cached(Content::Bytes(artefact)) })
    }

    /// Waits for the right to compile what takes long: one process that uses this folder has it, and the others find
    /// in the cache what it made. Nothing once `is_abandoned`, or if the lock file cannot be used.
    pub fn lock_compile(&self, is_abandoned: &dyn Fn() -> bool) -> Option<CompileLock> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.state_dir.join(LOCK_FILE))
            .ok()?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(CompileLock { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
            if is_abandoned() {
                return None;
            }
            std::thread::sleep(LOCK_LOOK);
        }
    }

    /// Keeps an artefact. What goes wrong is logged: the artefact is only not kept.
    pub fn put(&self, key: &CacheKey, artefact: &[u8]) {
        if artefact.len() as u64 > ARTEFACT_BYTES_MAX.min(self.bytes_max) {
            return;
        }
        let name = key.file_name();
        if let Err(error) = self.write(&name, artefact) {
            tracing::warn!(file = name, %error, "artefact cannot be kept");
        }
        self.trim();
    }

    fn write(&self, name: &str, artefact: &[u8]) -> io::Result<()> {
        // A file of its own for each writer, renamed when it is whole: readers never see a part.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        file.write_all(artefact)?;
        file.write_all(self.hasher(name).update(artefact).finalize().as_bytes())?;
        file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Makes the MAC of what follows in the file of this name.
    fn hasher(&self, name: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_bytes()).update(&[0]);
        hasher
    }

    fn trim(&self) {
        let _trimming = self.trimming.lock();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if bytes <= self.bytes_max {
                return;
            }
            // If it cannot be removed, the next that can makes room.
            if fs::remove_file(path).is_ok() {
                bytes -= length;
            }
        }
    }
}

fn load_or_create_key(path: &Path) -> io::Result<[u8; 32]> {
    match read_key(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // A short key is of a writer that died; what it signed is lost.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => fs::remove_file(path)?,
        result => return result,
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Another process was quicker: its key is the one.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read_key(path),
        Err(error) => Err(error.error),
    }
}

fn read_key(path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    File::open(path)?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(number: u8) -> CacheKey {
        CacheKey { component: ContentId::of(&[number]), compatibility: 7 }
    }

    fn content(cache: &ArtefactCache, key: &CacheKey) -> Option<Vec<u8>> {
        Some(match cache.get(key)?.artefact() {
            Artefact::Bytes(bytes) => bytes.to_vec(),
            Artefact::File(path) => {
                let mut content = fs::read(path).unwrap();
                content.truncate(content.len() - MAC_BYTES);
                content
            }
        })
    }

    fn file_of(dir: &Path, number: u8) -> PathBuf {
        dir.join(FOLDER).join(key(number).file_name())
    }

    #[test]
    fn what_is_put_is_found_again_by_another_opening() {
        let dir = tempfile::tempdir().unwrap();
        ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap().put(&key(1), b"code");
        let cache = ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        assert_eq!(content(&cache, &key(1)).as_deref(), Some(&b"code"[..]));
        assert!(cache.get(&key(2)).is_none());
        assert!(cache.get(&CacheKey { compatibility: 8, ..key(1) }).is_none());
    }

    #[test]
    fn large_artefacts_are_mapped_and_checked_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        let artefact: Vec<u8> = (0..MAPPED_BYTES_MIN).map(|index| (index % 251) as u8).collect();
        cache.put(&key(1), &artefact);
        let cached = cache.get(&key(1)).unwrap();
        assert_eq!(matches!(cached.artefact(), Artefact::File(_)), cfg!(target_os = "linux"));
        let file = file_of(dir.path(), 1);
        let mut whole = fs::read(&file).unwrap();
        // Another file takes its name; what was opened stays what it is.
        fs::rename(&file, dir.path().join("old")).unwrap();
        whole[MAPPED_BYTES_MIN as usize / 2] ^= 1;
        fs::write(&file, &whole).unwrap();
        assert!(cache.get(&key(1)).is_none());
        if let Artefact::File(path) = cached.artefact() {
            assert_eq!(fs::read(path).unwrap()[..artefact.len()], artefact);
        }
    }

    #[test]
    fn one_at_a_time_compiles_what_takes_long() {
        let dir = tempfile::tempdir().unwrap();
        let open = || ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        let (first, second) = (open(), open());
        let held = first.lock_compile(&|| false).unwrap();
        assert!(second.lock_compile(&|| true).is_none());
        drop(held);
        assert!(second.lock_compile(&|| true).is_some());
    }

    #[test]
    fn files_are_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap().put(&key(1), b"code");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.path().join(FOLDER)), 0o700);
        assert_eq!(mode(&dir.path().join(KEY_FILE)), 0o600);
        assert_eq!(mode(&file_of(dir.path(), 1)), 0o600);
    }

    #[test]
    fn what_is_not_ours_is_not_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        cache.put(&key(1), b"code");
        let file = file_of(dir.path(), 1);
        let whole = fs::read(&file).unwrap();
        // Renamed to stand for another component.
        fs::copy(&file, file_of(dir.path(), 2)).unwrap();
        assert!(cache.get(&key(2)).is_none());
        for (index, _) in whole.iter().enumerate() {
            let mut changed = whole.clone();
            changed[index] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(cache.get(&key(1)).is_none(), "byte {index}");
            fs::write(&file, &whole[..index]).unwrap();
            assert!(cache.get(&key(1)).is_none(), "cut to {index}");
        }
        fs::write(&file, &whole).unwrap();
        assert!(cache.get(&key(1)).is_some());
        // Under another key: another user's folder.
        fs::remove_file(dir.path().join(KEY_FILE)).unwrap();
        assert!(ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap().get(&key(1)).is_none());
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        cache.put(&key(1), b"code");
        let file = file_of(dir.path(), 1);
        let elsewhere = dir.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        assert!(cache.get(&key(1)).is_none());
    }

    #[test]
    fn the_longest_unused_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let artefact = [0; 100];
        let each = (artefact.len() + MAC_BYTES) as u64;
        let cache = ArtefactCache::open(dir.path(), 2 * each).unwrap();
        for number in 1..=2 {
            cache.put(&key(number), &artefact);
            let age = SystemTime::now() - std::time::Duration::from_secs(100 - u64::from(number));
            File::open(file_of(dir.path(), number)).unwrap().set_modified(age).unwrap();
        }
        assert!(cache.get(&key(1)).is_some());
        cache.put(&key(3), &artefact);
        assert!(cache.get(&key(1)).is_some());
        assert!(cache.get(&key(2)).is_none());
        assert!(cache.get(&key(3)).is_some());
    }

    #[test]
    fn a_key_cut_short_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(KEY_FILE), b"short").unwrap();
        let cache = ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        cache.put(&key(1), b"code");
        assert!(cache.get(&key(1)).is_some());
    }
}
