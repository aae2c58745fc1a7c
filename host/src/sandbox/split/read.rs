//! Reads a component once, for what matters here.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentTypeRef, Data, DataKind, ElementItems, Encoding, ExternalKind, FunctionBody, Instance,
    Operator, Parser, Payload, TypeRef, ValType,
};

use super::facts::{Facts, Memory, Module};

/// Bytes of a page of linear memory.
const WASM_PAGE_BYTES: u64 = 64 * 1024;

/// What a valid component consists of. Nothing, if it is not known how often its modules are instantiated.
pub(super) fn read(component: &[u8]) -> Option<Facts> {
    let mut facts = Facts::default();
    let mut open = Vec::new();
    let mut memory_bytes = 0;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.ok()?;
        let components = open.iter().filter(|encoding| **encoding == Encoding::Component).count();
        match payload {
            Payload::Version { encoding, .. } => open.push(encoding),
            Payload::End(_) => {
                open.pop()?;
            }
            // Components in it may be instantiated more than once: they must be without code of their own.
            Payload::ModuleSection { .. }
            | Payload::InstanceSection(_)
            | Payload::ComponentCanonicalSection(_)
                if components > 1 =>
            {
                return None;
            }
            Payload::ModuleSection { .. } => {
                facts.modules.push(Module { segments: Some(Vec::new()), ..Module::default() });
                memory_bytes = 0;
            }
            _ if open.last() == Some(&Encoding::Module) => {
                let module = facts.modules.last_mut()?;
                read_module(module, payload, component, &mut memory_bytes)?;
            }
            _ => read_component(&mut facts, payload, components == 1)?,
        }
    }
    Some(facts)
}

fn read_component(facts: &mut Facts, payload: Payload<'_>, is_outer: bool) -> Option<()> {
    // What a component in it has, has indices of its own.
    let add = |count: &mut u32| *count += u32::from(is_outer);
    match payload {
        Payload::InstanceSection(instances) => {
            for instance in instances {
                facts.instances.push(match instance.ok()? {
                    Instance::Instantiate { module_index, .. } => Some(module_index as usize),
                    Instance::FromExports(_) => None,
                });
            }
        }
        Payload::ComponentTypeSection(types) => {
            for ty in types {
                let is_resource = matches!(ty.ok()?, wasmparser::ComponentType::Resource { .. });
                facts.has_own_resources |= is_resource;
                add(&mut facts.types);
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports {
                match import.ok()?.ty {
                    ComponentTypeRef::Module(_) => return None,
                    ComponentTypeRef::Func(_) => add(&mut facts.functions),
                    ComponentTypeRef::Type(_) => add(&mut facts.types),
                    _ => {}
                }
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases {
                match alias.ok()? {
                    ComponentAlias::InstanceExport { kind, .. } => match kind {
                        ComponentExternalKind::Module => return None,
                        ComponentExternalKind::Func => add(&mut facts.functions),
                        ComponentExternalKind::Type => add(&mut facts.types),
                        _ => {}
                    },
                    ComponentAlias::CoreInstanceExport { kind, .. } => {
                        if matches!(kind, ExternalKind::Func | ExternalKind::FuncExact) {
                            add(&mut facts.core_functions);
                        }
                    }
                    ComponentAlias::Outer { kind, .. } => match kind {
                        ComponentOuterAliasKind::CoreModule => return None,
                        ComponentOuterAliasKind::Type => add(&mut facts.types),
                        _ => {}
                    },
                }
            }
        }
        Payload::ComponentCanonicalSection(functions) => {
            for function in functions {
                match function.ok()? {
                    CanonicalFunction::Lift { .. } => add(&mut facts.functions),
                    CanonicalFunction::Lower { .. } | CanonicalFunction::ResourceDrop { .. } => {
                        add(&mut facts.core_functions);
                    }
                    _ => {
                        facts.has_own_resources = true;
                        add(&mut facts.core_functions);
                    }
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports {
                match export.ok()?.kind {
                    ComponentExternalKind::Func => add(&mut facts.functions),
                    ComponentExternalKind::Type => add(&mut facts.types),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    Some(())
}

fn read_module(
    module: &mut Module,
    payload: Payload<'_>,
    component: &[u8],
    memory_bytes: &mut u64,
) -> Option<()> {
    match payload {
        Payload::TypeSection(groups) => {
            for group in groups {
                module.types += group.ok()?.into_types().count() as u32;
            }
        }
        Payload::ImportSection(imports) => {
            for import in imports.into_imports() {
                match import.ok()?.ty {
                    TypeRef::Func(_) | TypeRef::FuncExact(_) => module.imported_functions += 1,
                    TypeRef::Global(global) => {
                        module.globals.push(global.content_type == ValType::I32);
                    }
                    TypeRef::Memory(_) => module.memory = Some(Memory::Imported),
                    _ => {}
                }
            }
            module.functions = module.imported_functions;
        }
        Payload::FunctionSection(functions) => module.functions += functions.count(),
        Payload::MemorySection(memories) => {
            for memory in memories {
                let memory = memory.ok()?;
                let is_usual =
                    !memory.memory64 && !memory.shared && memory.page_size_log2.is_none();
                // With two of them, the index of a segment's memory would have to say which.
                if module.memory.is_some() || !is_usual {
                    return None;
                }
                module.memory = Some(Memory::Own);
                *memory_bytes = memory.initial * WASM_PAGE_BYTES;
            }
        }
        Payload::GlobalSection(globals) => {
            for global in globals {
                let global = global.ok()?;
                module.globals.push(global.ty.content_type == ValType::I32);
                note_references(module, global.init_expr.get_operators_reader())?;
            }
        }
        Payload::ExportSection(exports) => {
            module.has_exports = true;
            for export in exports {
                let export = export.ok()?;
                if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                    module.reached.insert(export.index);
                }
            }
        }
        Payload::StartSection { func, .. } => {
            module.reached.insert(func);
        }
        Payload::ElementSection(elements) => {
            for element in elements {
                match element.ok()?.items {
                    ElementItems::Functions(functions) => {
                        for function in functions {
                            module.reached.insert(function.ok()?);
                        }
                    }
                    ElementItems::Expressions(_, expressions) => {
                        for expression in expressions {
                            note_references(module, expression.ok()?.get_operators_reader())?;
                        }
                    }
                }
            }
        }
        // Code can name segments of data only where there is one, and then these must stay.
        Payload::DataCountSection { .. } => module.segments = None,
        Payload::DataSection(data) => {
            for segment in data {
                let place = place(&segment.ok()?, component, *memory_bytes);
                match (place, &mut module.segments) {
                    (Some(place), Some(segments)) => segments.push(place),
                    _ => module.segments = None,
                }
            }
        }
        Payload::CodeSectionEntry(body) => read_body(module, &body)?,
        _ => {}
    }
    Some(())
}

/// Where in the memory a segment goes, and where in the component it is.
fn place(
    segment: &Data<'_>,
    component: &[u8],
    memory_bytes: u64,
) -> Option<(usize, std::ops::Range<usize>)> {
    let DataKind::Active { memory_index: 0, offset_expr } = &segment.kind else { return None };
    let mut operators = offset_expr.get_operators_reader();
    let Operator::I32Const { value } = operators.read().ok()? else { return None };
    let Operator::End = operators.read().ok()? else { return None };
    let offset = value as u32 as usize;
    if (offset + segment.data.len()) as u64 > memory_bytes {
        return None;
    }
    let start = segment.data.as_ptr() as usize - component.as_ptr() as usize;
    Some((offset, start..start + segment.data.len()))
}

fn note_references(
    module: &mut Module,
    mut operators: wasmparser::OperatorsReader<'_>,
) -> Option<()> {
    while !operators.eof() {
        if let Operator::RefFunc { function_index } = operators.read().ok()? {
            module.reached.insert(function_index);
        }
    }
    Some(())
}

fn read_body(module: &mut Module, body: &FunctionBody<'_>) -> Option<()> {
    let function = module.imported_functions + module.bodies;
    module.bodies += 1;
    let mut sets = std::collections::BTreeSet::new();
    let mut operators = body.get_operators_reader().ok()?;
    let mut calls = 0;
    while !operators.eof() {
        let operator = operators.read().ok()?;
        match operator {
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                calls += 1;
            }
            Operator::Loop { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => module.may_stay = true,
            _ => {}
        }
        module.may_stay |= calls > 1;
        match operator {
            Operator::GlobalSet { global_index } => {
                sets.insert(global_index);
            }
            Operator::Call { function_index }
            | Operator::ReturnCall { function_index }
            | Operator::RefFunc { function_index }
                // A function that only calls itself is not called.
                if function_index != function =>
            {
                module.reached.insert(function_index);
            }
            Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. }
            | Operator::MemoryInit { .. } => module.changes_tables = true,
            _ => {}
        }
    }
    if !sets.is_empty() {
        module.sets.push((function, sets));
    }
    Some(())
}
