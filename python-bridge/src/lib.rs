//! The Python face of SPM.
//!
//! The module `spm._spm`, private to the package `spm`: the value codec, the compiler, and the
//! pools' drivers. What users import is plain Python under `python/spm`.

mod codec;
mod compile;
mod errors;
mod inspect;
mod pool;
mod program;

use pyo3::prelude::*;

#[pymodule]
fn _spm(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    codec::register(module)?;
    compile::register(module)?;
    errors::register(module)?;
    inspect::register(module)?;
    pool::register(module)?;
    program::register(module)?;
    Ok(())
}
