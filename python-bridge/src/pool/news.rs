//! What runs say beside results: how many tasks the fallback ended, and what the user is to be warned of.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use spm_hub::Deopt;

use super::closure::Closures;

/// Something that the user is warned of, once for each closure.
enum Notice {
    /// A task left what its closure had proved, as this record says.
    Left { closure: u32, record: Bytes },
    /// A call's arguments were not of the types that the closure was compiled for.
    Misfit(Py<PyTuple>),
}

/// News of one run.
pub(super) struct News {
    closures: Arc<Closures>,
    deopts: u64,
    notices: Vec<Notice>,
    has_misfit: bool,
    is_new: bool,
}

impl News {
    pub(super) fn new(closures: Arc<Closures>) -> Self {
        Self { closures, deopts: 0, notices: Vec::new(), has_misfit: false, is_new: false }
    }

    /// Counts tasks that the fallback ended.
    pub(super) fn ended_by_fallback(&mut self, count: u64) {
        self.deopts += count;
        self.is_new |= count > 0;
    }

    /// Takes what the hub says the first time that a closure is left.
    pub(super) fn left(&mut self, deopt: Deopt) {
        self.notices.push(Notice::Left { closure: deopt.closure, record: deopt.record });
        self.is_new = true;
    }

    /// Takes the arguments of a task that goes to the fallback at once. Only the first is of interest.
    pub(super) fn misfit(&mut self, row: &Bound<'_, PyTuple>) {
        if !std::mem::replace(&mut self.has_misfit, true) {
            self.notices.push(Notice::Misfit(row.clone().unbind()));
            self.is_new = true;
        }
    }

    /// Whether the user is to be warned of something.
    pub(super) fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// What was not taken before. Python's objects are made of it without locks.
    pub(super) fn take(&mut self) -> Option<Fresh> {
        std::mem::take(&mut self.is_new).then(|| Fresh {
            closures: Arc::clone(&self.closures),
            deopts: self.deopts,
            notices: std::mem::take(&mut self.notices),
        })
    }
}

/// News that were taken.
pub(super) struct Fresh {
    closures: Arc<Closures>,
    deopts: u64,
    notices: Vec<Notice>,
}

/// How many tasks the fallback has ended, and what is to be warned of: `News` of `spm/_backend.py`.
pub(super) type NewsRow<'py> = (u64, Vec<Bound<'py, PyTuple>>);

impl Fresh {
    pub(super) fn row(self, py: Python<'_>) -> PyResult<NewsRow<'_>> {
        let notices = self.notices.into_iter().map(|notice| {
            let (closure, record, row) = match notice {
                Notice::Left { closure, record } => {
                    (closure, Some(PyBytes::new(py, &record)), None)
                }
                Notice::Misfit(row) => (0, None, Some(row.into_bound(py))),
            };
            (self.closures.get(closure).object(py), record, row).into_pyobject(py)
        });
        Ok((self.deopts, notices.collect::<PyResult<Vec<_>>>()?))
    }
}
