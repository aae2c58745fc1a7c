//! Pools for Python: hosts, runs of closures on them, and a sandbox without hosts.
//!
//! A hub's types are wrapped thinly; what a pool *does* is Python, in `spm/_pool.py` and beside it.
//! **Invariant:** nothing waits with the GIL held, and no thread of Rust's ever takes it.

mod children;
mod closure;
mod desk;
mod discover;
mod failed;
mod fork;
mod hosts;
mod local;
mod manager;
mod mesh;
mod news;
mod output;
mod preparing;
mod receive;
mod run;
mod runtime;
mod runtime_ids;
mod sandbox;
mod serial_channel;
mod serial_thread;
mod tally;
mod wait;

use std::path::PathBuf;

use pyo3::prelude::*;

/// Where compiled runtimes are kept between processes: the user's cache.
fn cache_dir() -> Option<PathBuf> {
    let named =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))?;
    Some(cache.join("spm"))
}

/// The same, for Python; none if the environment says nothing of it.
#[pyfunction]
fn cache_folder() -> Option<PathBuf> {
    cache_dir()
}

/// Adds pools to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<hosts::Hosts>()?;
    module.add_class::<run::Run>()?;
    module.add_class::<manager::ManagerRun>()?;
    module.add_class::<manager::Stored>()?;
    module.add_class::<manager::Raw>()?;
    module.add_class::<manager::Question>()?;
    module.add_class::<desk::Desk>()?;
    module.add_class::<failed::Failed>()?;
    module.add_class::<runtime::Runtime>()?;
    module.add_class::<sandbox::Defined>()?;
    module.add_class::<sandbox::SerialSandbox>()?;
    module.add_function(wrap_pyfunction!(runtime::make_scientific, module)?)?;
    module.add_function(wrap_pyfunction!(cache_folder, module)?)?;
    module.add_function(wrap_pyfunction!(hosts::identity_of, module)?)?;
    module.add_function(wrap_pyfunction!(run::seed_of_task, module)?)?;
    Ok(())
}
