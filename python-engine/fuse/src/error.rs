//! Why a component is not fused.

/// Why a component is not fused.
#[derive(Debug, thiserror::Error)]
pub enum FuseError {
    /// It cannot be read.
    #[error("the component is not valid")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// It has what those of componentize-py do not.
    #[error("the component has {part}, and is not of a shape that is known")]
    Unlike {
        /// What it has.
        part: &'static str,
    },
    /// An instance does not export what another imports.
    #[error("nothing provides `{name}`")]
    Missing {
        /// The import.
        name: String,
    },
    /// The code that was given for it is not valid, or does not have its imports and exports.
    #[error("the code does not fit the component")]
    Unfit(#[source] wasmparser::BinaryReaderError),
    /// Code cannot be written again.
    #[error("code cannot be written: {0}")]
    Code(String),
}

impl FuseError {
    pub(crate) const fn unlike(part: &'static str) -> Self {
        Self::Unlike { part }
    }
}
