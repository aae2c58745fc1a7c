//! Compiled components on disk, for the next start of a host.
//!
//! An artefact is machine code, and loading it trusts it wholly. So each file begins with a MAC under a key that only
//! this state folder has, over the file's name and its content: what another user, another version or a broken disk
//! left there is not loaded, but made again. Nothing that goes wrong here is more than a slower start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;
use spm_protocol::ContentId;
use spm_protocol::limits::MIB;

/// Bytes of artefacts that are kept; past it those unused longest go.
pub const CACHE_BYTES_MAX: u64 = 1024 * MIB as u64;
/// Largest artefact that is kept. That of a 100 MiB component is about twice its size.
const ARTEFACT_BYTES_MAX: u64 = 512 * MIB as u64;
const KEY_FILE: &str = "cache.key";
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

/// A folder of artefacts.
#[derive(Debug)]
pub struct ArtefactCache {
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
            Ok(Self { folder, key, bytes_max, trimming: Mutex::new(()) })
        };
        open().map_err(|source| CacheError { path: state_dir.to_owned(), source })
    }

    /// The artefact, if it is here and is ours.
    pub fn get(&self, key: &CacheKey) -> Option<Vec<u8>> {
        let name = key.file_name();
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(self.folder.join(&name))
            .ok()?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
        if length > ARTEFACT_BYTES_MAX + MAC_BYTES as u64 {
            return None;
        }
        let mut mac = [0; MAC_BYTES];
        file.read_exact(&mut mac).ok()?;
        let mut artefact = Vec::with_capacity(length as usize);
        Read::by_ref(&mut file).take(ARTEFACT_BYTES_MAX).read_to_end(&mut artefact).ok()?;
        if self.mac(&name, &artefact) != blake3::Hash::from_bytes(mac) {
            tracing::warn!(file = name, "cached artefact is damaged or not ours; it is made again");
            return None;
        }
        // When it was used last decides what makes room. If that cannot be written, it goes earlier.
        let _ = file.set_modified(SystemTime::now());
        Some(artefact)
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
        file.write_all(self.mac(name, artefact).as_bytes())?;
        file.write_all(artefact)?;
        file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    fn mac(&self, name: &str, artefact: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_bytes()).update(&[0]).update(artefact);
        hasher.finalize()
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

    fn file_of(dir: &Path, number: u8) -> PathBuf {
        dir.join(FOLDER).join(key(number).file_name())
    }

    #[test]
    fn what_is_put_is_found_again_by_another_opening() {
        let dir = tempfile::tempdir().unwrap();
        ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap().put(&key(1), b"code");
        let cache = ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap();
        assert_eq!(cache.get(&key(1)).as_deref(), Some(&b"code"[..]));
        assert_eq!(cache.get(&key(2)), None);
        assert_eq!(cache.get(&CacheKey { compatibility: 8, ..key(1) }), None);
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
        assert_eq!(cache.get(&key(2)), None);
        for (index, _) in whole.iter().enumerate() {
            let mut changed = whole.clone();
            changed[index] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert_eq!(cache.get(&key(1)), None, "byte {index}");
            fs::write(&file, &whole[..index]).unwrap();
            assert_eq!(cache.get(&key(1)), None, "cut to {index}");
        }
        fs::write(&file, &whole).unwrap();
        assert!(cache.get(&key(1)).is_some());
        // Under another key: another user's folder.
        fs::remove_file(dir.path().join(KEY_FILE)).unwrap();
        assert_eq!(ArtefactCache::open(dir.path(), CACHE_BYTES_MAX).unwrap().get(&key(1)), None);
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
        assert_eq!(cache.get(&key(1)), None);
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
        assert_eq!(cache.get(&key(2)), None);
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
