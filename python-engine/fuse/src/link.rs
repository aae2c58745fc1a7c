//! What stands for what once the modules are one.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{CanonicalFunction, CanonicalOption, ConstExpr, FuncType, Operator, ValType};

use crate::FuseError;
use crate::component::{Around, Component, Instance, Item};
use crate::module::Kind;

/// How many functions in turn may only call the next.
const FORWARDS_MAX: usize = 16;

/// A function or global of a module that is fused, or an item of the component that one imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Outside(u32),
    Defined { instance: u32, index: u32 },
}

/// A global of the fused module.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Global {
    Constant(i32),
    Variable(u32),
}

/// The fused module, but for its bytes.
#[derive(Default)]
pub(crate) struct Linked {
    /// Instances of modules that are fused, in the order of their instantiation.
    pub(crate) fused: Vec<u32>,
    /// What wit-component puts around.
    pub(crate) shims: Vec<u32>,
    /// By instance, what each index of a function stands for.
    pub(crate) functions: BTreeMap<u32, Vec<Target>>,
    /// By instance, each global.
    pub(crate) globals: BTreeMap<u32, Vec<Global>>,
    /// What the variables begin with.
    pub(crate) variables: Vec<i32>,
    /// Core functions of the component that are imported.
    pub(crate) imports: Vec<u32>,
    /// Functions with a body, as instance and index.
    pub(crate) defined: Vec<(u32, u32)>,
    /// Their indices, those of imports included.
    pub(crate) index: BTreeMap<Target, u32>,
    /// What the table has where.
    pub(crate) table: BTreeMap<u32, Target>,
    /// Core functions of the component that are exported.
    pub(crate) exports: BTreeMap<u32, Target>,
}

impl Linked {
    pub(crate) fn new(component: &Component<'_>) -> Result<Self, FuseError> {
        let mut linked = Self::default();
        let mut seen = BTreeSet::new();
        for (instance, index) in component.instances.iter().zip(0..) {
            let Instance::Of(module, _) = instance else { continue };
            if component.is_shim(instance) {
                linked.shims.push(index);
            } else if seen.insert(*module) {
                linked.fused.push(index);
            } else {
                return Err(FuseError::unlike("a module with two instances"));
            }
        }
        let mut globals = BTreeMap::new();
        for &instance in &linked.fused {
            let module = component.module(instance);
            let all = |kind, count| -> Result<Vec<Target>, FuseError> {
                (0..count).map(|index| resolve(component, instance, kind, index)).collect()
            };
            linked.functions.insert(instance, all(Kind::Function, module.functions.len() as u32)?);
            let count = module.imported(Kind::Global) + module.globals.len() as u32;
            globals.insert(instance, all(Kind::Global, count)?);
        }
        linked.fill_table(component, &globals)?;
        linked.follow_forwards(component)?;
        linked.find_exports(component)?;
        let set = linked.reach(component, &globals)?;
        linked.place_globals(component, &globals, &set)?;
        Ok(linked)
    }

    fn fill_table(
        &mut self,
        component: &Component<'_>,
        globals: &BTreeMap<u32, Vec<Target>>,
    ) -> Result<(), FuseError> {
        for &instance in &self.fused {
            for (offset, functions) in &component.module(instance).elements {
                let offset = evaluate(component, globals, instance, offset)? as u32;
                for (function, place) in functions.iter().zip(offset..) {
                    self.table.insert(place, self.functions[&instance][*function as usize]);
                }
            }
        }
        Ok(())
    }

    /// Functions that only call another with their own parameters, by way of the table or not, are that other one.
    fn follow_forwards(&mut self, component: &Component<'_>) -> Result<(), FuseError> {
        let mut forwards = BTreeMap::new();
        for &instance in &self.fused {
            let module = component.module(instance);
            let begin = module.imported(Kind::Function);
            for index in begin..module.functions.len() as u32 {
                if let Some(target) = self.forward(component, instance, index)? {
                    forwards.insert(Target::Defined { instance, index }, target);
                }
            }
        }
        let follow = |target: &mut Target| {
            for _ in 0..FORWARDS_MAX {
                match forwards.get(target) {
                    Some(next) => *target = *next,
                    None => break,
                }
            }
        };
        self.functions.values_mut().flatten().for_each(follow);
        self.table.values_mut().for_each(follow);
        Ok(())
    }

    fn forward(
        &self,
        component: &Component<'_>,
        instance: u32,
        index: u32,
    ) -> Result<Option<Target>, FuseError> {
        let module = component.module(instance);
        let ty = module.type_of(index);
        let mut operators = module.body(index).get_operators_reader()?;
        for parameter in 0..ty.params().len() as u32 {
            match operators.read()? {
                Operator::LocalGet { local_index } if local_index == parameter => {}
                _ => return Ok(None),
            }
        }
        let target = match operators.read()? {
            Operator::Call { function_index } => {
                Some(self.functions[&instance][function_index as usize])
            }
            Operator::I32Const { value } => match operators.read()? {
                Operator::CallIndirect { type_index, table_index: 0 }
                    if module.types[type_index as usize] == *ty =>
                {
                    self.table.get(&(value as u32)).copied()
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Operator::End = operators.read()? else { return Ok(None) };
        Ok(target.filter(|target| type_of(component, *target) == Some(ty)))
    }

    /// What the component lifts, and what lowered functions call back.
    fn find_exports(&mut self, component: &Component<'_>) -> Result<(), FuseError> {
        let mut exported = BTreeSet::new();
        let mut add_options = |options: &[CanonicalOption]| {
            for option in options {
                if let CanonicalOption::Realloc(function) | CanonicalOption::PostReturn(function) =
                    option
                {
                    exported.insert(*function);
                }
            }
        };
        for function in &component.canonical {
            if let CanonicalFunction::Lower { options, .. } = function {
                add_options(options);
            }
        }
        let mut lifted = Vec::new();
        for around in &component.around {
            if let Around::Lift(CanonicalFunction::Lift { core_func_index, options, .. }) = around {
                add_options(options);
                lifted.push(*core_func_index);
            }
        }
        exported.extend(lifted);
        for &shim in &self.shims {
            let Instance::Of(_, arguments) = &component.instances[shim as usize] else { continue };
            for argument in arguments.values() {
                let Instance::Items(items) = &component.instances[*argument as usize] else {
                    return Err(FuseError::unlike("another table of imports"));
                };
                let functions = items.values().filter(|(kind, _)| *kind == Kind::Function);
                exported.extend(functions.map(|(_, index)| *index));
            }
        }
        for index in exported {
            let target = resolve_item(component, Kind::Function, index)?;
            if let Target::Defined { instance, index: own } = target {
                // Where it only calls another, that one.
                self.exports.insert(index, self.functions[&instance][own as usize]);
            }
        }
        Ok(())
    }

    /// Numbers what can be reached. Returns the globals that are set there.
    fn reach(
        &mut self,
        component: &Component<'_>,
        globals: &BTreeMap<u32, Vec<Target>>,
    ) -> Result<BTreeSet<Target>, FuseError> {
        let mut reached = BTreeSet::new();
        let mut set = BTreeSet::new();
        let mut open: Vec<Target> =
            self.exports.values().chain(self.table.values()).copied().collect();
        while let Some(target) = open.pop() {
            if !reached.insert(target) {
                continue;
            }
            let Target::Defined { instance, index } = target else { continue };
            for operator in component.module(instance).body(index).get_operators_reader()? {
                match operator? {
                    Operator::Call { function_index }
                    | Operator::ReturnCall { function_index }
                    | Operator::RefFunc { function_index } => {
                        open.push(self.functions[&instance][function_index as usize]);
                    }
                    Operator::GlobalSet { global_index } => {
                        set.insert(globals[&instance][global_index as usize]);
                    }
                    Operator::TableSet { .. }
                    | Operator::TableGrow { .. }
                    | Operator::TableFill { .. }
                    | Operator::TableCopy { .. }
                    | Operator::TableInit { .. } => {
                        return Err(FuseError::unlike("code that changes a table"));
                    }
                    _ => {}
                }
            }
        }
        for (target, number) in reached.iter().zip(0..) {
            match target {
                Target::Outside(item) => self.imports.push(*item),
                Target::Defined { instance, index } => self.defined.push((*instance, *index)),
            }
            self.index.insert(*target, number);
        }
        Ok(set)
    }

    fn place_globals(
        &mut self,
        component: &Component<'_>,
        globals: &BTreeMap<u32, Vec<Target>>,
        set: &BTreeSet<Target>,
    ) -> Result<(), FuseError> {
        let mut places = BTreeMap::new();
        for &instance in &self.fused {
            let module = component.module(instance);
            for ((ty, begin), index) in module.globals.iter().zip(module.imported(Kind::Global)..) {
                if ty.content_type != ValType::I32 {
                    return Err(FuseError::unlike("a global that is no i32"));
                }
                let value = evaluate(component, globals, instance, begin)?;
                let target = Target::Defined { instance, index };
                let place = if set.contains(&target) {
                    self.variables.push(value);
                    Global::Variable(self.variables.len() as u32 - 1)
                } else {
                    Global::Constant(value)
                };
                places.insert(target, place);
            }
        }
        for (instance, targets) in globals {
            let of_each = targets.iter().map(|target| places.get(target).copied());
            let found: Option<Vec<Global>> = of_each.collect();
            let found = found.ok_or(FuseError::unlike("a global from elsewhere"))?;
            self.globals.insert(*instance, found);
        }
        Ok(())
    }
}

/// The type of a function that is fused.
fn type_of<'a>(component: &'a Component<'_>, target: Target) -> Option<&'a FuncType> {
    match target {
        Target::Defined { instance, index } => Some(component.module(instance).type_of(index)),
        Target::Outside(_) => None,
    }
}

/// What an index of an instance's module stands for.
fn resolve(
    component: &Component<'_>,
    instance: u32,
    kind: Kind,
    index: u32,
) -> Result<Target, FuseError> {
    let module = component.module(instance);
    if index >= module.imported(kind) {
        return Ok(Target::Defined { instance, index });
    }
    let (from, name) = module.imports[&kind][index as usize];
    let missing = || FuseError::Missing { name: format!("{from}.{name}") };
    let Instance::Of(_, arguments) = &component.instances[instance as usize] else {
        return Err(missing());
    };
    let argument = *arguments.get(from).ok_or_else(missing)?;
    resolve_export(component, argument, kind, name)?.ok_or_else(missing)
}

/// What an export of an instance stands for; nothing, if that is not fused.
fn resolve_export(
    component: &Component<'_>,
    instance: u32,
    kind: Kind,
    name: &str,
) -> Result<Option<Target>, FuseError> {
    let of = component.instances.get(instance as usize);
    let of = of.ok_or(FuseError::unlike("an index of nothing"))?;
    let exports = match of {
        Instance::Of(..) if component.is_shim(of) => return Ok(None),
        Instance::Of(module, _) => &component.modules[*module].exports,
        Instance::Items(items) => items,
    };
    match exports.get(name) {
        Some((found, index)) if *found == kind => Ok(Some(match of {
            Instance::Of(..) => resolve(component, instance, kind, *index)?,
            Instance::Items(_) => resolve_item(component, kind, *index)?,
        })),
        _ => Err(FuseError::Missing { name: name.to_owned() }),
    }
}

fn resolve_item(component: &Component<'_>, kind: Kind, index: u32) -> Result<Target, FuseError> {
    Ok(match component.item(kind, index)? {
        Item::Export(instance, name) => {
            resolve_export(component, instance, kind, name)?.unwrap_or(Target::Outside(index))
        }
        Item::Canonical(_) => Target::Outside(index),
    })
}

/// The value of a constant expression.
fn evaluate(
    component: &Component<'_>,
    globals: &BTreeMap<u32, Vec<Target>>,
    instance: u32,
    expression: &ConstExpr<'_>,
) -> Result<i32, FuseError> {
    let unlike = || FuseError::unlike("a value that is not known");
    let mut values = Vec::new();
    for operator in expression.get_operators_reader() {
        let value = match operator? {
            Operator::I32Const { value } => value,
            Operator::GlobalGet { global_index } => {
                let Target::Defined { instance, index } = globals[&instance][global_index as usize]
                else {
                    return Err(unlike());
                };
                let module = component.module(instance);
                let own = (index - module.imported(Kind::Global)) as usize;
                evaluate(component, globals, instance, &module.globals[own].1)?
            }
            Operator::I32Add => match (values.pop(), values.pop()) {
                (Some(one), Some(other)) => i32::wrapping_add(one, other),
                _ => return Err(unlike()),
            },
            Operator::End => break,
            _ => return Err(unlike()),
        };
        values.push(value);
    }
    values.pop().ok_or_else(unlike)
}
