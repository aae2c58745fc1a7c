//! The user's classes: what their instances hold, and where.
//!
//! Classes that derive from one another are a family. An attribute has one slot and one type in all classes of a family
//! that have it, so that most accesses need not look at the object's class.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::assigned::Assigned;
use crate::ast::{Expr, ExprKind, Function, Stmt, StmtKind};
use crate::names;
use crate::request::{ClassSource, Member, Request};
use crate::ty::{Family, Ty};

/// An attribute of instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub name: String,
    pub slot: usize,
    /// The slot that says whether it is set, where that is not sure.
    pub flag: Option<usize>,
}

/// A class, laid out.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub source: ClassSource,
    /// Index of the class at the root of its family.
    pub root: u32,
    /// In the order in which they are set.
    pub fields: Vec<Field>,
    /// Types of all slots; found out last.
    pub slots: Vec<Ty>,
}

/// All classes of a program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    pub list: Vec<Class>,
}

impl Classes {
    pub(crate) fn new(request: &Request, functions: &[&Function]) -> Self {
        let mut classes = Self::default();
        for source in &request.classes {
            let base = source.base.map(|base| &classes.list[base]);
            let root = base.map_or(classes.list.len() as u32, |base| base.root);
            let mut names: Vec<String> = base
                .map(|base| base.fields.iter().map(|field| field.name.clone()).collect())
                .unwrap_or_default();
            let known = source.fields.iter().map(|(name, _)| name.clone());
            let known = known.chain(assigned_in(source, functions));
            for name in known {
                if !names.contains(&name)
                    && !matches!(source.members.get(&name), Some(Member::Property(..)))
                {
                    names.push(name);
                }
            }
            let sure = Assigned::by_init(source, &classes.list, functions);
            let fields = names.into_iter().map(|name| {
                let flag = (!sure.contains(&name)).then_some(0);
                Field { name, slot: 0, flag }
            });
            let fields = fields.collect();
            classes.list.push(Class { source: source.clone(), root, fields, slots: Vec::new() });
        }
        classes.lay_out();
        classes
    }

    /// Gives every attribute of a family the first slot that no attribute beside it has.
    fn lay_out(&mut self) {
        let mut slots: BTreeMap<(u32, String), usize> = BTreeMap::new();
        let names: Vec<(u32, Vec<String>)> = self.list.iter().map(Class::slot_names).collect();
        for (root, own) in &names {
            for name in own {
                if slots.contains_key(&(*root, name.clone())) {
                    continue;
                }
                let beside =
                    names.iter().filter(|(other, all)| other == root && all.contains(name));
                let taken: BTreeSet<usize> = beside
                    .flat_map(|(_, all)| all)
                    .filter_map(|name| slots.get(&(*root, name.clone())).copied())
                    .collect();
                let free = (0..=taken.len()).find(|slot| !taken.contains(slot)).unwrap_or_default();
                slots.insert((*root, name.clone()), free);
            }
        }
        for class in &mut self.list {
            for field in &mut class.fields {
                field.slot = slots[&(class.root, field.name.clone())];
                if field.flag.is_some() {
                    field.flag = Some(slots[&(class.root, flag_name(&field.name))]);
                }
            }
        }
    }

    /// Fills in the types of slots.
    pub(crate) fn set_types(&mut self, type_of: &dyn Fn(u32, &str) -> Ty) {
        for class in &mut self.list {
            let count = class.fields.iter().flat_map(|field| [Some(field.slot), field.flag]);
            let count = count.flatten().max().map_or(0, |slot| slot + 1);
            class.slots = vec![Ty::None; count];
            for field in &class.fields {
                class.slots[field.slot] = type_of(class.root, &field.name);
                if let Some(flag) = field.flag {
                    class.slots[flag] = Ty::Bool;
                }
            }
        }
    }

    /// The type of a class's instances.
    pub(crate) fn instance(&self, class: usize) -> Ty {
        let root = self.list[class].root;
        let name: Arc<str> = self.list[root as usize].source.name.as_str().into();
        Ty::Object(Family { root, name })
    }

    /// The classes of a family.
    pub(crate) fn family(&self, root: u32) -> Vec<usize> {
        (0..self.list.len()).filter(|class| self.list[*class].root == root).collect()
    }

    /// Whether a class is another, or derives from it.
    pub(crate) fn derives(&self, class: usize, from: usize) -> bool {
        let mut at = Some(class);
        while let Some(class) = at {
            if class == from {
                return true;
            }
            at = self.list[class].source.base;
        }
        false
    }
}

impl Class {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.source.members.get(name)
    }

    /// A method that the class, or a base of it, defines.
    pub(crate) fn method(&self, name: &str) -> Option<usize> {
        match self.member(name) {
            Some(Member::Method(index)) => Some(*index),
            _ => None,
        }
    }

    fn slot_names(&self) -> (u32, Vec<String>) {
        let fields = self.fields.iter();
        let names = fields.flat_map(|field| {
            let flag = field.flag.map(|_| flag_name(&field.name));
            std::iter::once(field.name.clone()).chain(flag)
        });
        (self.root, names.collect())
    }
}

/// The class above the one whose own method `function` is, in the line of bases of `class`.
pub(crate) fn above<'a>(
    class: &ClassSource,
    classes: &'a [Class],
    function: usize,
) -> Option<&'a Class> {
    let has = |source: &ClassSource| {
        let is_it = |member: &Member| {
            matches!(member, Member::Method(index) | Member::Class(index)
                | Member::Property(index, _) if *index == function)
        };
        source.members.values().any(is_it)
    };
    let mut above = class.base;
    let mut at = class;
    // Bases have it as long as they inherit or define it.
    while let Some(base) = at.base.filter(|base| has(&classes[*base].source)) {
        at = &classes[base].source;
        above = at.base;
    }
    above.map(|base| &classes[base])
}

/// What cannot be the name of an attribute.
fn flag_name(name: &str) -> String {
    format!("{name}?")
}

/// The attributes that the methods of a class assign to their first parameter.
fn assigned_in(source: &ClassSource, functions: &[&Function]) -> Vec<String> {
    let mut found = Vec::new();
    // `__init__` first: its order is that of `vars()`.
    let first = source.members.get("__init__").into_iter();
    let rest = source.members.values();
    for member in first.chain(rest) {
        let indices = match member {
            Member::Method(index) => vec![*index],
            Member::Property(getter, setter) => std::iter::once(*getter).chain(*setter).collect(),
            _ => continue,
        };
        for index in indices {
            let Some(function) = functions.get(index) else { continue };
            if let Some(own) = function.parameters.first() {
                in_block(&function.body, &own.name, &mut found);
            }
        }
    }
    found
}

fn in_block(body: &[Stmt], own: &str, found: &mut Vec<String>) {
    for statement in body {
        match &statement.kind {
            StmtKind::Assign { targets, .. } => {
                for target in targets {
                    in_target(target, own, found);
                }
            }
            StmtKind::AugAssign { target, .. } | StmtKind::Annotated { target, .. } => {
                in_target(target, own, found);
            }
            StmtKind::For { target, body, orelse, .. } => {
                in_target(target, own, found);
                in_block(body, own, found);
                in_block(orelse, own, found);
            }
            StmtKind::If { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                in_block(body, own, found);
                in_block(orelse, own, found);
            }
            StmtKind::Expr(value) => {
                if let Some((object, name, _)) = object_setattr(value)
                    && matches!(&object.kind, ExprKind::Name(name) if name == own)
                {
                    found.push(name.to_owned());
                }
            }
            StmtKind::With { target, body, .. } => {
                if let Some(target) = target {
                    in_target(target, own, found);
                }
                in_block(body, own, found);
            }
            StmtKind::Try { .. } | StmtKind::Match { .. } => {
                names::blocks(statement, &mut |block| in_block(block, own, found));
            }
            _ => {}
        }
    }
}

fn in_target(target: &Expr, own: &str, found: &mut Vec<String>) {
    match &target.kind {
        ExprKind::Attribute(base, name) => {
            if matches!(&base.kind, ExprKind::Name(base) if base == own) {
                found.push(name.clone());
            }
        }
        ExprKind::Tuple(items) | ExprKind::List(items) => {
            for item in items {
                in_target(item, own, found);
            }
        }
        ExprKind::Starred(rest) => in_target(rest, own, found),
        _ => {}
    }
}

/// `object.__setattr__(object, "name", value)`, with which instances of frozen classes are filled.
pub(crate) fn object_setattr(expression: &Expr) -> Option<(&Expr, &str, &Expr)> {
    let ExprKind::Call { function, arguments, keywords } = &expression.kind else { return None };
    let ExprKind::Attribute(base, method) = &function.kind else { return None };
    let is_object = matches!(&base.kind, ExprKind::Name(name) if name == "object");
    if !is_object || method != "__setattr__" || !keywords.is_empty() {
        return None;
    }
    match arguments.as_slice() {
        [object, Expr { kind: ExprKind::Str(name), .. }, value] => Some((object, name, value)),
        _ => None,
    }
}

/// Whether a name occurs in an expression, however deep.
pub(crate) fn mentions(expression: &Expr, name: &str) -> bool {
    if let ExprKind::Name(found) = &expression.kind {
        return found == name;
    }
    let mut found = matches!(expression.kind, ExprKind::Lambda(_));
    names::each_child(expression, &mut |child| found |= mentions(child, name));
    found
}
