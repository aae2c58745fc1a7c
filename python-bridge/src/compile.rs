//! The Python face of the compiler: requests in, components and diagnostics out.

use std::collections::BTreeMap;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use spm_compiler::{
    Captured, ClassSource, Compiled, Diagnostic, Enumeration, FunctionSource, Literal, Member,
    ParameterType, Request,
};
use spm_protocol::ContentId;
use spm_protocol::lines::LineTable;
use spm_protocol::outcome::CodePoint;

use crate::codec::{ValueType, literal};
use crate::errors::frame_tuple;

/// A compiled closure.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Component(Compiled);

#[pymethods]
impl Component {
    /// The component itself.
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.component)
    }

    /// Its content id.
    #[getter]
    fn cid(&self) -> String {
        ContentId::of(&self.0.component).to_string()
    }

    /// The world it implements, as WIT text.
    #[getter]
    fn wit(&self) -> &str {
        &self.0.wit
    }

    /// What the compiler found out, for people.
    #[getter]
    fn explain(&self) -> &str {
        &self.0.explain
    }

    /// The type of its result.
    #[getter]
    fn result(&self) -> ValueType {
        ValueType(self.0.result.clone())
    }

    /// The frame that a site number stands for.
    fn frame<'py>(&self, py: Python<'py>, site: u32) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.0.lines.frame(site).map(|frame| frame_tuple(py, &frame)).transpose()
    }

    /// The frame of a place in the code, or None if it is none of the user's.
    fn frame_at<'py>(
        &self,
        py: Python<'py>,
        function: u32,
        offset: u32,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let frame = self.0.lines.frame_at(CodePoint { function, offset });
        frame.map(|frame| frame_tuple(py, &frame)).transpose()
    }
}

/// The line table of a component that was not compiled here.
#[pyclass(frozen, module = "spm._spm")]
pub(crate) struct Lines(LineTable);

#[pymethods]
impl Lines {
    /// Reads the custom section `spm:lines`.
    #[new]
    fn new(section: &[u8]) -> PyResult<Self> {
        match LineTable::from_bytes(section) {
            Ok(table) => Ok(Self(table)),
            Err(error) => Err(PyValueError::new_err(format!("not a line table: {error}"))),
        }
    }

    /// The frame that a site number stands for.
    fn frame<'py>(&self, py: Python<'py>, site: u32) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.0.frame(site).map(|frame| frame_tuple(py, &frame)).transpose()
    }

    /// The frame of a place in the code, or None if it is none of the user's.
    fn frame_at<'py>(
        &self,
        py: Python<'py>,
        function: u32,
        offset: u32,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let frame = self.0.frame_at(CodePoint { function, offset });
        frame.map(|frame| frame_tuple(py, &frame)).transpose()
    }
}

type SourceTuple = (String, String, String, u32, u32, String);

/// Compiles functions: `(name, qualname, file, first line, column, source)` each, the entry first.
///
/// `names` says for each function what its free names stand for, `parameters` names and types of
/// the entry's. What cannot be compiled comes back as text for people and data for tools.
#[pyfunction]
#[pyo3(
    name = "compile",
    signature = (functions, names, parameters, recursion_limit, classes = Vec::new())
)]
#[allow(clippy::needless_pass_by_value, reason = "pyo3 gives arguments by value")]
fn compile_functions<'py>(
    py: Python<'py>,
    functions: Vec<SourceTuple>,
    names: Vec<Bound<'py, PyDict>>,
    parameters: Vec<(String, PyRef<'py, ValueType>)>,
    recursion_limit: u32,
    classes: Vec<ClassRow<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    let request = Request {
        classes: classes.into_iter().map(class_source).collect::<PyResult<_>>()?,
        functions: functions.into_iter().map(function_source).collect(),
        globals: names.iter().map(captured_names).collect::<PyResult<_>>()?,
        parameters: parameters
            .into_iter()
            .map(|(name, value_type)| ParameterType { name, value_type: value_type.0.clone() })
            .collect(),
        recursion_limit,
    };
    match py.detach(|| spm_compiler::compile(&request)) {
        Ok(compiled) => Ok(Bound::new(py, Component(compiled))?.into_any()),
        Err(diagnostics) => {
            let rows = diagnostics.iter().map(diagnostic_tuple).collect::<Vec<_>>();
            let text = spm_compiler::render(&diagnostics);
            Ok((text, rows).into_pyobject(py)?.into_any())
        }
    }
}

fn function_source(
    (name, qualname, file, first_line, column, source): SourceTuple,
) -> FunctionSource {
    FunctionSource { name, qualname, file, first_line, column, source }
}

fn captured_names(names: &Bound<'_, PyDict>) -> PyResult<BTreeMap<String, Captured>> {
    names.iter().map(|(name, what)| Ok((name.extract()?, captured(&what)?))).collect()
}

fn captured(what: &Bound<'_, PyAny>) -> PyResult<Captured> {
    let kind: String = what.get_item(0)?.extract()?;
    let of = what.get_item(1)?;
    Ok(match kind.as_str() {
        "value" => Captured::Value(
            literal(&of).ok_or_else(|| PyTypeError::new_err("not a constant of the engine"))?,
        ),
        "function" => Captured::Function(of.extract()?),
        "module" => Captured::Module(of.extract()?),
        "member" => Captured::ModuleMember(of.extract()?),
        "builtin" => Captured::Builtin(of.extract()?),
        "class" => Captured::Class(of.extract()?),
        "enum" => {
            let (class, at) = of.extract()?;
            Captured::EnumMember(class, at)
        }
        "exception" => {
            Captured::Exception { classes: of.extract()?, base: what.get_item(2)?.extract()? }
        }
        "unsupported" => {
            Captured::Unsupported { what: of.extract()?, help: what.get_item(2)?.extract()? }
        }
        _ => return Err(PyValueError::new_err(format!("unknown kind of capture `{kind}`"))),
    })
}

type EnumerationRow<'py> = (Vec<(String, Bound<'py, PyAny>)>, Vec<(String, usize)>, bool);

/// Name, qualified name, base, members, whether instances are frozen, slots, members of an enumeration, items of a
/// named tuple, attributes, place in the class table.
type ClassRow<'py> = (
    String,
    String,
    Option<usize>,
    Bound<'py, PyDict>,
    bool,
    Option<Vec<String>>,
    Option<EnumerationRow<'py>>,
    Option<Vec<String>>,
    Vec<(String, PyRef<'py, ValueType>)>,
    u32,
);

fn class_source(row: ClassRow<'_>) -> PyResult<ClassSource> {
    let (name, qualname, base, members, frozen, slots, enumeration, items, fields, number) = row;
    let constant = |value: &Bound<'_, PyAny>| -> PyResult<Literal> {
        literal(value).ok_or_else(|| PyTypeError::new_err("not a constant of the engine"))
    };
    let enumeration = match enumeration {
        None => None,
        Some((members, aliases, is_int)) => {
            let members = members.into_iter().map(|(name, value)| Ok((name, constant(&value)?)));
            Some(Enumeration { members: members.collect::<PyResult<_>>()?, aliases, is_int })
        }
    };
    let members = members.iter().map(|(name, what)| Ok((name.extract()?, member(&what)?)));
    Ok(ClassSource {
        name,
        qualname,
        base,
        members: members.collect::<PyResult<_>>()?,
        fields: fields.into_iter().map(|(name, ty)| (name, ty.0.clone())).collect(),
        frozen,
        slots,
        items,
        enumeration,
        number,
    })
}

fn member(what: &Bound<'_, PyAny>) -> PyResult<Member> {
    let kind: String = what.get_item(0)?.extract()?;
    if kind == "without" {
        return Ok(Member::Without);
    }
    let of = what.get_item(1)?;
    Ok(match kind.as_str() {
        "method" => Member::Method(of.extract()?),
        "static" => Member::Static(of.extract()?),
        "class" => Member::Class(of.extract()?),
        "property" => Member::Property(of.extract()?, what.get_item(2)?.extract()?),
        "value" => Member::Constant(
            literal(&of).ok_or_else(|| PyTypeError::new_err("not a constant of the engine"))?,
        ),
        "unsupported" => {
            Member::Unsupported { what: of.extract()?, help: what.get_item(2)?.extract()? }
        }
        _ => return Err(PyValueError::new_err(format!("unknown kind of member `{kind}`"))),
    })
}

type DiagnosticTuple = (&'static str, String, u32, usize, String, Option<String>);

/// `(code, file, line, column in characters from 1, message, help)`.
fn diagnostic_tuple(diagnostic: &Diagnostic) -> DiagnosticTuple {
    let before = diagnostic.column as usize;
    let column = diagnostic.source_line.char_indices().filter(|(at, _)| *at < before).count() + 1;
    (
        diagnostic.code.name(),
        diagnostic.file.clone(),
        diagnostic.line,
        column,
        diagnostic.message.clone(),
        diagnostic.help.clone(),
    )
}

/// Makes a component of a core module that another language's compiler made; its world is `guest`.
#[pyfunction]
fn guest_component<'py>(py: Python<'py>, module: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    match py.detach(|| spm_compiler::guest_component(module)) {
        Ok(component) => Ok(PyBytes::new(py, &component)),
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}

/// The content id of a component.
#[pyfunction]
fn content_id(content: &[u8]) -> String {
    ContentId::of(content).to_string()
}

/// Custom sections of a component whose names begin with `spm:`, with their content.
#[pyfunction]
fn own_sections<'py>(
    py: Python<'py>,
    component: &[u8],
) -> PyResult<Vec<(String, Bound<'py, PyBytes>)>> {
    match spm_compiler::own_sections(component) {
        Ok(sections) => {
            Ok(sections.into_iter().map(|(name, data)| (name, PyBytes::new(py, &data))).collect())
        }
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}

/// A component with one more custom section.
#[pyfunction]
fn add_section<'py>(
    py: Python<'py>,
    component: &[u8],
    name: &str,
    data: &[u8],
) -> Bound<'py, PyBytes> {
    let mut longer = component.to_vec();
    spm_compiler::append_custom(&mut longer, name, data);
    PyBytes::new(py, &longer)
}

/// Adds the compiler to the module `spm._spm`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(compile_functions, module)?)?;
    module.add_function(wrap_pyfunction!(guest_component, module)?)?;
    module.add_function(wrap_pyfunction!(add_section, module)?)?;
    module.add_function(wrap_pyfunction!(content_id, module)?)?;
    module.add_function(wrap_pyfunction!(own_sections, module)?)?;
    module.add_class::<Component>()?;
    module.add_class::<Lines>()?;
    Ok(())
}
