//! The Python face of SPM.
