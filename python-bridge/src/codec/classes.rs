//! The class table: classes cross as indices into it, never as names.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PySequence, PyType};

/// The classes that values may name by index.
pub(crate) struct Classes<'py> {
    list: Vec<Bound<'py, PyType>>,
    /// By address; `list` keeps the classes alive.
    index: HashMap<usize, usize>,
}

impl<'py> Classes<'py> {
    /// The table that `classes` lists.
    pub(crate) fn new(classes: Option<&Bound<'py, PySequence>>) -> PyResult<Self> {
        let mut list = Vec::new();
        let mut index = HashMap::new();
        if let Some(classes) = classes {
            for class in classes.try_iter()? {
                let class = class?.cast_into::<PyType>()?;
                index.entry(class.as_ptr() as usize).or_insert(list.len());
                list.push(class);
            }
        }
        Ok(Self { list, index })
    }

    /// The index of `class`.
    pub(crate) fn index_of(&self, class: &Bound<'py, PyType>) -> Option<usize> {
        self.index.get(&(class.as_ptr() as usize)).copied()
    }

    /// The class at `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&Bound<'py, PyType>> {
        self.list.get(index)
    }
}
