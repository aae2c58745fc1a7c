//! What a session defines: a closure with its blobs, before it is signed for a session.

use bytes::Bytes;
use spm_protocol::ContentId;
use spm_protocol::manifest::{Capability, Engine, Isolation, TaskLimits};

/// Bytes and their content id, computed once. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    id: ContentId,
    content: Bytes,
}

impl Blob {
    /// Hashes `content`.
    pub fn new(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self { id: ContentId::of(&content), content }
    }

    /// The content id.
    pub fn id(&self) -> ContentId {
        self.id
    }

    /// The bytes.
    pub fn content(&self) -> &Bytes {
        &self.content
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
