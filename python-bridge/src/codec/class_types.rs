//! The user's classes that a closure of the native engine knows, and the types of their attributes.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use spm_compiler::ValueType as Type;

use super::encode_classes::{attributes, is_enum};
use super::refusal::{Encoded, Refusal, Step};
use super::typed::{ValueType, holds};

/// A class, by the class at the root of its family.
struct Known {
    class: Py<PyType>,
    root: usize,
    name: String,
    /// Names and types of the attributes of instances, as far as they were seen.
    fields: Vec<(String, Type)>,
}

/// The classes that a closure refers to. Values name them by their place here.
#[pyclass(frozen, module = "spm._spm")]
#[derive(Default)]
pub(crate) struct ClassTypes {
    known: Mutex<Vec<Known>>,
    admit: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl ClassTypes {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Names the function that is asked to add a class that is not known yet.
    fn set_admit(&self, admit: Py<PyAny>) {
        if let Ok(mut place) = self.admit.lock() {
            *place = Some(admit);
        }
    }

    /// The place of a class.
    fn index(&self, class: &Bound<'_, PyType>) -> Option<usize> {
        self.with(|known| known.iter().position(|known| known.class.is(class)))
    }

    /// Adds a class, with the class it derives from and the names of its attributes. Returns its place.
    fn add(
        &self,
        class: &Bound<'_, PyType>,
        base: Option<usize>,
        names: Vec<String>,
    ) -> PyResult<usize> {
        let name = class.qualname()?.to_string_lossy().into_owned();
        Ok(self.with(|known| {
            let index = known.len();
            let above = base.and_then(|base| known.get(base));
            let root = above.map_or(index, |above| above.root);
            let mut fields = above.map(|above| above.fields.clone()).unwrap_or_default();
            for name in names {
                if !fields.iter().any(|(known, _)| *known == name) {
                    fields.push((name, Type::Never));
                }
            }
            known.push(Known { class: class.clone().unbind(), root, name, fields });
            index
        }))
    }

    /// The type of the instances of the class at a place.
    fn instance(&self, index: usize) -> ValueType {
        ValueType(self.with(|known| type_at(known, index)))
    }

    /// Takes the type of an attribute for what its annotation says, until another is seen.
    fn hint(&self, index: usize, name: &str, hint: &ValueType) {
        self.with(|known| {
            if let Some((_, seen)) = known[index].fields.iter_mut().find(|(known, _)| known == name)
                && *seen == Type::Never
            {
                *seen = hint.0.clone();
            }
        });
    }

    /// The attributes of the class at a place, with their types.
    fn fields(&self, index: usize) -> Vec<(String, ValueType)> {
        self.with(|known| {
            let fields = known[index].fields.iter();
            fields.map(|(name, ty)| (name.clone(), ValueType(ty.clone()))).collect()
        })
    }

    /// The classes, in their places.
    pub(super) fn classes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let classes: Vec<_> =
            self.with(|known| known.iter().map(|known| known.class.clone_ref(py)).collect());
        PyTuple::new(py, classes)
    }

    /// What is known, as text: equal if and only if all of it is.
    fn key(&self) -> String {
        self.with(|known| {
            let line = |known: &Known| {
                let fields: Vec<String> =
                    known.fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                format!("{}({})", known.name, fields.join(", "))
            };
            known.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }
}

/// What an instance holds, by the names of its attributes.
fn held<'py>(
    value: &Bound<'py, PyAny>,
    class: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyDict>> {
    if is_enum(value)? {
        return Ok(PyDict::new(value.py()));
    }
    let Ok(tuple) = value.cast::<PyTuple>() else { return attributes(value, class) };
    let found = PyDict::new(value.py());
    for (name, item) in class.getattr("_fields")?.try_iter()?.zip(tuple.iter()) {
        found.set_item(name?, item)?;
    }
    Ok(found)
}

fn type_at(known: &[Known], index: usize) -> Type {
    let root = known[index].root;
    Type::Object { class: root as u32, name: known[root].name.clone() }
}

impl ClassTypes {
    fn with<T>(&self, action: impl FnOnce(&mut Vec<Known>) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        action(&mut known)
    }

    /// The place of a value's class, which may be added for it.
    fn place_of(&self, class: &Bound<'_, PyType>) -> Encoded<Option<usize>> {
        if let Some(index) = self.index(class) {
            return Ok(Some(index));
        }
        let admit = self
            .admit
            .lock()
            .ok()
            .and_then(|admit| admit.as_ref().map(|admit| admit.clone_ref(class.py())));
        if let Some(admit) = admit {
            admit.call1(class.py(), (class,)).map_err(|error| {
                if error.is_instance_of::<pyo3::exceptions::PyTypeError>(class.py()) {
                    Refusal::new(error.value(class.py()).to_string())
                } else {
                    error.into()
                }
            })?;
        }
        Ok(self.index(class))
    }

    /// The type of an instance of a class of the user's; nothing if it is none. What its attributes hold is noted.
    pub(super) fn type_of(
        &self,
        value: &Bound<'_, PyAny>,
        infer: &dyn Fn(&Bound<'_, PyAny>) -> Encoded<Type>,
    ) -> Encoded<Option<Type>> {
        let class = value.get_type();
        let Some(index) = self.place_of(&class)? else { return Ok(None) };
        for (name, held) in held(value, &class)?.iter() {
            let name = name.to_string();
            let within = |refusal: Refusal| refusal.within(Step::Attribute(name.clone()));
            let known = self.field(index, &name);
            if known.as_ref().is_some_and(|known| holds(known, &held, Some(self), 0)) {
                continue;
            }
            let found = infer(&held).map_err(within)?;
            self.learn(index, &name, found);
        }
        Ok(Some(self.with(|known| type_at(known, index))))
    }

    fn field(&self, index: usize, name: &str) -> Option<Type> {
        self.with(|known| {
            let found = known[index].fields.iter().find(|(known, _)| known == name);
            found.map(|(_, ty)| ty.clone())
        })
    }

    fn learn(&self, index: usize, name: &str, found: Type) {
        self.with(|known| {
            let fields = &mut known[index].fields;
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, ty)) => {
                    let old = std::mem::replace(ty, Type::Never);
                    *ty = super::infer::join(old, found);
                }
                None => fields.push((name.to_owned(), found)),
            }
        });
    }

    /// Whether a value is an instance of a family, whose attributes are of the known types.
    pub(super) fn holds(&self, root: u32, value: &Bound<'_, PyAny>, depth: usize) -> bool {
        let class = value.get_type();
        let Some(index) = self.index(&class) else { return false };
        if self.with(|known| known[index].root) != root as usize {
            return false;
        }
        held(value, &class).is_ok_and(|attributes| {
            attributes.iter().all(|(name, held)| {
                self.field(index, &name.to_string())
                    .is_some_and(|known| holds(&known, &held, Some(self), depth + 1))
            })
        })
    }
}
