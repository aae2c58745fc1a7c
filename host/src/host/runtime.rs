//! The runtimes that came with SPM: compiled when the host starts, so that nobody waits for that in a first task.

use std::time::Instant;

use serde::Serialize;
use tokio::runtime::Handle;

use super::Shared;
use crate::compile_child::chain;
use crate::runtimes::Installed;
use crate::sandbox::Kind;
use crate::verify;

/// How far a runtime is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum RuntimeStatus {
    /// It is being compiled, or loaded.
    Compiling,
    /// Closures that need it can begin at once.
    Ready {
        /// Its content id.
        id: String,
        /// How long that took, in milliseconds.
        took_ms: u64,
    },
    /// It cannot be used.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Compiles all of them, one after the other. What a sequence point needs meanwhile waits for the same compilation.
pub(super) fn compile_all(host: &Shared, handle: &Handle) {
    for path in host.runtimes.installed() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let set = |status| host.runtime_states.lock().insert(name.clone(), status);
        set(RuntimeStatus::Compiling);
        let begun = Instant::now();
        let compiled = (|| {
            let kind = Kind::of_runtime(&name);
            let _turn = handle.block_on(host.definer.turn(kind.profile))?;
            let runtime = Installed::read(path).map_err(|error| error.to_string())?;
            let bounds = kind.profile.bounds();
            let initial_bytes = verify::check_limits(&runtime.content, bounds, u64::MAX)
                .map_err(|error| error.to_string())?;
            host.definer.validate(&runtime.content, &|| false).map_err(|error| chain(&error))?;
            host.definer
                .define(runtime.id, &runtime.content, kind, initial_bytes, &|| false)
                .map_err(|error| chain(&error))?;
            Ok::<_, String>(runtime.id)
        })();
        let took = begun.elapsed();
        match compiled {
            Ok(id) => {
                tracing::info!(runtime = name, %id, ?took, "runtime ready");
                set(RuntimeStatus::Ready { id: id.to_string(), took_ms: took.as_millis() as u64 });
            }
            Err(reason) => {
                tracing::warn!(runtime = name, reason, "runtime cannot be used");
                set(RuntimeStatus::Failed { reason });
            }
        }
    }
}
