//! The owner's key on disk: readable by its owner alone, and never half written.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use libp2p::identity::{DecodingError, Keypair};

use crate::identity::KEY_FILE;

/// A protobuf-encoded Ed25519 key has 68 bytes.
const KEY_FILE_BYTES_MAX: u64 = 1024;
const GROUP_AND_OTHERS: u32 = 0o077;

/// Why an identity could not be loaded or made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The state folder could not be made.
    #[error("cannot make the state folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file could not be read.
    #[error("cannot read the key file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file could not be written.
    #[error("cannot write the key file `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may use the key file.
    #[error(
        "key file `{path}` has mode {mode:03o}, so others may read it; run `chmod 600 {path}`, or make a new key if others may have",
        path = path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is not a key.
    #[error("key file `{}` does not hold an Ed25519 key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the decoder said, if it got that far.
        source: Option<DecodingError>,
    },
}

pub(crate) fn load_or_create(dir: &Path) -> Result<Keypair, IdentityError> {
    let path = dir.join(KEY_FILE);
    if let Some(key) = load(&path)? {
        return Ok(key);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| IdentityError::Folder { path: dir.to_owned(), source })?;
    let key = Keypair::generate_ed25519();
    create(dir, &path, &key)
        .map_err(|source| IdentityError::Write { path: path.clone(), source })?;
    // Another process may have been first; all of them use the file that won.
    load(&path)?.ok_or_else(|| IdentityError::Read { path, source: io::ErrorKind::NotFound.into() })
}

fn load(path: &Path) -> Result<Option<Keypair>, IdentityError> {
    let read_error = |source| IdentityError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read_error(error)),
    };
    // The open file is examined, not the path, so it cannot be exchanged in between.
    let mode = file.metadata().map_err(read_error)?.mode() & 0o777;
    if mode & GROUP_AND_OTHERS != 0 {
        return Err(IdentityError::TooOpen { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(read_error)?;
    let malformed = |source| IdentityError::Malformed { path: path.to_owned(), source };
    let key = Keypair::from_protobuf_encoding(&bytes).map_err(|error| malformed(Some(error)))?;
    key.clone().try_into_ed25519().map_err(|_| malformed(None))?;
    Ok(Some(key))
}

/// Writes a temporary file and links it into place, which fails if a key is there already.
fn create(dir: &Path, path: &Path, key: &Keypair) -> io::Result<()> {
    let bytes = key.to_protobuf_encoding().map_err(io::Error::other)?;
    let temporary = dir.join(format!(".{KEY_FILE}.{:016x}", random_u64()?));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    })();
    let removed = fs::remove_file(&temporary);
    written.and(removed)?;
    File::open(dir)?.sync_all()
}

fn random_u64() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{Identity, identity::unix_ms};

    #[test]
    fn the_key_is_made_once_private_and_found_again() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("deep/state");
        let first = Identity::load_or_create(&dir).unwrap();
        let second = Identity::load_or_create(&dir).unwrap();
        assert_eq!(first.owner_id(), second.owner_id());
        assert_eq!(first.transport_id(), first.owner_id());
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(dir.join(KEY_FILE)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn a_fresh_transport_key_has_the_same_owner() {
        let state = tempfile::tempdir().unwrap();
        let host = Identity::load_or_create(state.path()).unwrap();
        let hub = Identity::load_or_create_with_fresh_transport(state.path()).unwrap();
        assert_eq!(host.owner_id(), hub.owner_id());
        assert_ne!(host.transport_id(), hub.transport_id());
        let certified = hub.certificate().verify(hub.transport_id(), unix_ms()).unwrap();
        assert_eq!(certified.owner, host.owner_id());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_command_that_helps() {
        let state = tempfile::tempdir().unwrap();
        Identity::load_or_create(state.path()).unwrap();
        let path = state.path().join(KEY_FILE);
        for mode in [0o640, 0o604, 0o660, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Identity::load_or_create(state.path()).unwrap_err();
            assert!(matches!(error, IdentityError::TooOpen { mode: found, .. } if found == mode));
            assert!(
                error.to_string().contains(&format!("`chmod 600 {}`", path.display())),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(KEY_FILE);
        fs::write(&path, b"not a key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = Identity::load_or_create(state.path()).unwrap_err();
        assert!(matches!(error, IdentityError::Malformed { .. }));
        assert_eq!(fs::read(&path).unwrap(), b"not a key");
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let state = tempfile::tempdir().unwrap();
        let owners: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Identity::load_or_create(state.path()).unwrap().owner_id()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
    }
}
