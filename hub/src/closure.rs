//! What a session defines: a closure with its blobs, before it is signed for a session.

use bytes::Bytes;
use spm_netmesh::ReadBlob;
use spm_protocol::ContentId;
use spm_protocol::manifest::{Capability, Engine, Isolation, TaskLimits};

/// Bytes, here or to be read once somebody wants them, and their content id. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blob {
    id: ContentId,
    length: usize,
    content: Content,
}

/// Where a blob's bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    /// Here.
    Here(Bytes),
    /// Elsewhere, to be read from there.
    Later(ReadBlob),
}

impl Blob {
    /// Hashes `content`.
    pub fn new(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self { id: ContentId::of(&content), length: content.len(), content: Content::Here(content) }
    }

    /// A blob of this id and length, which `read` reads and compares with its id.
    pub fn later(id: ContentId, length: usize, read: ReadBlob) -> Self {
        Self { id, length, content: Content::Later(read) }
    }

    /// The content id.
    pub fn id(&self) -> ContentId {
        self.id
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Where its bytes are.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The bytes, read if need be.
    ///
    /// # Errors
    /// Says why they cannot be read.
    pub fn read(&self) -> Result<Bytes, String> {
        match &self.content {
            Content::Here(bytes) => Ok(bytes.clone()),
            Content::Later(read) => read.read(),
        }
    }
}

/// A closure to define. See [`spm_protocol::Manifest`] for what the fields mean to a host.
#[derive(Debug, Clone)]
pub struct ClosureDefinition {
    /// Its qualified name in Python.
    pub name: String,
    /// The component.
    pub component: Blob,
    /// What made it.
    pub engine: Engine,
    /// What `define` is to be given.
    pub payload: Option<Blob>,
    /// Index, in the same definition, of the closure that runs what this one cannot. It has none itself.
    pub fallback: Option<u32>,
    /// Names of the classes that values and exceptions name by index.
    pub classes: Vec<String>,
    /// What a task may use.
    pub limits: TaskLimits,
    /// What it asks for.
    pub capabilities: Vec<Capability>,
    /// Whether instances outlive a task.
    pub isolation: Isolation,
    /// Digest of the source it was made from.
    pub source: ContentId,
    /// Version of the compiler that made it.
    pub compiler: String,
}
