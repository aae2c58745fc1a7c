//! What a pool amounts to: counts of its tasks, by engine.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use spm_hub::Completion;
use spm_protocol::Engine;

use super::closure::Closures;

const ENGINES: [Engine; 4] = [Engine::Native, Engine::Python, Engine::Scientific, Engine::Guest];

/// Counts of tasks that ended, on all runs of a pool and of those made from it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    engines: [AtomicU64; ENGINES.len()],
    retries: AtomicU64,
    deopts: AtomicU64,
    misfits: AtomicU64,
}

impl Tally {
    /// Counts a task that one of `closures` ended.
    pub(super) fn count(&self, closures: &Closures, completion: &Completion) {
        let engine = closures.get(completion.closure).engine();
        let by_fallback = closures.is_fallback(completion.closure);
        let add = |counter: &AtomicU64, count: u32| {
            if count > 0 {
                counter.fetch_add(u64::from(count), Ordering::Relaxed);
            }
        };
        add(&self.engines[engine as usize], 1);
        add(&self.retries, retries(completion));
        add(&self.deopts, u32::from(by_fallback));
        add(&self.misfits, u32::from(by_fallback && !completion.is_deopt));
    }

    /// The fields of `spm.PoolStats`: tasks, retries, deopts, misfits among them, and tasks by engine.
    pub(super) fn row<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(u64, u64, u64, u64, Bound<'py, PyDict>)> {
        let engines = PyDict::new(py);
        let mut tasks = 0;
        for (engine, counter) in ENGINES.into_iter().zip(&self.engines) {
            let count = counter.load(Ordering::Relaxed);
            tasks += count;
            if count > 0 {
                engines.set_item(engine.name(), count)?;
            }
        }
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok((tasks, load(&self.retries), load(&self.deopts), load(&self.misfits), engines))
    }
}

/// Attempts that were lost or failed before the one that ended the task; what left its closure is none of them.
fn retries(completion: &Completion) -> u32 {
    completion.attempts.saturating_sub(1 + u32::from(completion.is_deopt))
}
