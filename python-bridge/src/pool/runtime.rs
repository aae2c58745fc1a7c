//! Components that many closures share: the interpreters of engines whose closures are payloads.
//!
//! Such a component has tens of MB. A process reads and hashes it once, and every definition of every closure has
//! the same bytes in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spm_host::scientific::{self, Parts};
use spm_hub::Blob;
use spm_netmesh::ReadBlob;
use spm_protocol::ContentId;
use spm_protocol::limits::COMPONENT_BYTES_MAX;

use super::mesh::chain;
use super::runtime_ids::{self as ids, Version};

static FOUND: Mutex<BTreeMap<PathBuf, (Version, Blob)>> = Mutex::new(BTreeMap::new());

/// The component in a file.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Runtime(Blob);

#[pymethods]
impl Runtime {
    /// Looks at the file, and reads it unless it has not changed since that was done on this machine.
    #[new]
    #[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| find(&path)).map(Self)
    }

    /// The component itself.
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let content = py.detach(|| self.0.read()).map_err(PyOSError::new_err)?;
        Ok(PyBytes::new(py, &content))
    }

    /// Its content id.
    #[getter]
    fn cid(&self) -> String {
        self.0.id().to_string()
    }

    /// The world it implements, as WIT text.
    #[getter]
    #[allow(clippy::unused_self, reason = "every component says its world")]
    fn wit(&self) -> &'static str {
        include_str!("../../../wit/closure.wit")
    }

    /// None: it has no line table, and what runs in it says its places itself.
    #[allow(clippy::unused_self, reason = "every component resolves sites")]
    fn frame(&self, site: u32) -> Option<()> {
        let _ = site;
        None
    }

    /// None: no place in its code is the user's.
    #[allow(clippy::unused_self, reason = "every component resolves places")]
    fn frame_at(&self, function: u32, offset: u32) -> Option<()> {
        let _ = (function, offset);
        None
    }
}

impl Runtime {
    /// What a definition has of it: not a copy.
    pub(super) fn blob(&self) -> Blob {
        self.0.clone()
    }
}

/// Makes the runtime of the `scientific` engine, and returns where it is. Takes a minute.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
pub(super) fn make_scientific(
    py: Python<'_>,
    python: PathBuf,
    archive: PathBuf,
    shim: PathBuf,
    guest: PathBuf,
    licences: PathBuf,
) -> PyResult<PathBuf> {
    let cache_dir = super::cache_dir().ok_or_else(|| {
        PyOSError::new_err("neither XDG_CACHE_HOME nor HOME says where the runtime can be kept")
    })?;
    let parts = Parts { python, zip: archive, shim, guest, licences };
    py.detach(|| scientific::make(&parts, &cache_dir))
        .map_err(|error| PyOSError::new_err(chain(&error)))
}

/// The runtime in a file, read only if its id is not known from before.
fn find(path: &Path) -> PyResult<Blob> {
    // Two threads that want the same file read it once: the second waits.
    let mut found = FOUND.lock();
    let version = Version::of(path)?;
    if let Some((known, blob)) = found.get(path)
        && *known == version
    {
        return Ok(blob.clone());
    }
    if version.bytes > COMPONENT_BYTES_MAX as u64 {
        return Err(PyValueError::new_err(format!(
            "`{}` has {} bytes, over the limit of {COMPONENT_BYTES_MAX}",
            path.display(),
            version.bytes
        )));
    }
    let blob = if let Some(id) = ids::find(path, version) {
        Blob::later(id, version.bytes as usize, reading(path.to_owned(), id))
    } else {
        let blob = Blob::new(std::fs::read(path)?);
        ids::keep(path, version, blob.id());
        blob
    };
    found.insert(path.to_owned(), (version, blob.clone()));
    Ok(blob)
}

/// Reads the file once, for the first who wants it.
fn reading(path: PathBuf, id: ContentId) -> ReadBlob {
    let content: Mutex<Option<Bytes>> = Mutex::new(None);
    ReadBlob::new(move || {
        let mut content = content.lock();
        if let Some(content) = &*content {
            return Ok(content.clone());
        }
        let shown = path.display();
        let read =
            std::fs::read(&path).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        let read = Bytes::from(read);
        if ContentId::of(&read) != id {
            return Err(format!("`{shown}` was changed while it was in use: start Python again"));
        }
        Ok(content.insert(read).clone())
    })
}
