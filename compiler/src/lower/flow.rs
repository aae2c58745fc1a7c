//! Variables along the paths through a function: their types, whether they are set, and what
//! happens where paths meet.

use std::collections::BTreeMap;

use super::Body;
use crate::ast::{NodeId, Span};
use crate::diagnostics::Code;
use crate::ir::{Ex, InstanceId, Local, LocalId, Op, Raise, St};
use crate::ty::Ty;

/// Those of the function are counted, those of comprehensions named by their node: the same in
/// every run.
pub(super) type VariableId = usize;

/// Identifiers from here on belong to comprehensions.
pub(super) const SCOPED: VariableId = 0x4000_0000;

/// Whether a variable is set on all paths to a place or on some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set {
    Always,
    Sometimes,
    /// Set to types that no one variable can hold: an error if it is read.
    Conflict(Ty, Ty),
}

/// A variable at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub ty: Ty,
    pub set: Set,
}

/// All variables at a place; those missing are not set.
pub(super) type Env = BTreeMap<VariableId, State>;

/// Variables where paths meet, as far as known. Only grows.
#[derive(Debug, Default)]
pub(super) struct Join {
    env: Option<Env>,
}

impl Join {
    /// What is known of a variable.
    pub(super) fn state(&self, variable: VariableId) -> Option<State> {
        self.env.as_ref()?.get(&variable).cloned()
    }

    pub(super) fn set_state(&mut self, variable: VariableId, state: State) {
        self.env.get_or_insert_default().insert(variable, state);
    }
}

/// A place where paths meet: instance, copy of the statements, node, and which of the node's places.
pub(super) type JoinKey = (InstanceId, u32, NodeId, u8);

/// Before a loop's condition.
pub(super) const HEAD: u8 = 0;
/// After a loop's body.
pub(super) const CONTINUE: u8 = 1;
/// After a loop.
pub(super) const BREAK: u8 = 2;
/// After a conditional.
pub(super) const AFTER: u8 = 3;

impl Body<'_, '_> {
    /// Runs `action` with an output buffer of its own.
    pub(super) fn capture<T>(&mut self, action: impl FnOnce(&mut Self) -> T) -> (Vec<St>, T) {
        let outer = std::mem::take(&mut self.out);
        let value = action(self);
        (std::mem::replace(&mut self.out, outer), value)
    }

    pub(super) fn push(&mut self, statement: St) {
        if self.env.is_some() {
            self.out.push(statement);
        }
    }

    /// A temporary local.
    pub(super) fn fresh(&mut self, ty: &Ty) -> LocalId {
        self.locals.push(Local { ty: ty.clone(), borrowed: false });
        self.locals.len() - 1
    }

    /// The local that holds a variable while it has this type.
    pub(super) fn slot(&mut self, variable: VariableId, ty: &Ty) -> LocalId {
        let ty = self.resolve(ty);
        if let Some(local) = self.slots.get(&(variable, ty.clone())) {
            return *local;
        }
        let local = self.fresh(&ty);
        self.slots.insert((variable, ty), local);
        local
    }

    /// The local that says whether a variable is set.
    fn flag(&mut self, variable: VariableId) -> LocalId {
        if let Some(local) = self.flags.get(&variable) {
            return *local;
        }
        let local = self.fresh(&Ty::Bool);
        self.flags.insert(variable, local);
        local
    }

    /// Assigns to a variable.
    pub(super) fn set_variable(&mut self, variable: VariableId, value: Ex) {
        let ty = self.resolve(&value.ty);
        if ty == Ty::Never {
            self.evaluate(value);
            return;
        }
        if self.cells.contains_key(&variable) {
            self.set_cell(variable, value);
            return;
        }
        let local = self.slot(variable, &ty);
        let span = value.span;
        self.push(St::Set(local, value));
        self.mark(variable, true, span);
        if let Some(env) = &mut self.env {
            env.insert(variable, State { ty, set: Set::Always });
        }
        self.lead_to_handler(variable, span);
    }

    /// Makes a variable unset, as `del` does.
    pub(super) fn unset_variable(&mut self, variable: VariableId, span: Span) {
        self.mark(variable, false, span);
        if let Some(state) = self.env.as_mut().and_then(|env| env.remove(&variable)) {
            let local = self.slot(variable, &state.ty);
            self.push(St::Clear(local));
            self.lead_to_handler(variable, span);
        }
    }

    fn mark(&mut self, variable: VariableId, set: bool, span: Span) {
        if self.program.flagged.contains(&(self.instance, variable)) {
            let flag = self.flag(variable);
            self.push(St::Set(flag, Ex::bool(set, span)));
        }
    }

    /// Reads a variable.
    pub(super) fn get_variable(&mut self, variable: VariableId, span: Span) -> Ex {
        if self.cells.contains_key(&variable) {
            return self.get_cell(variable, span);
        }
        let Some(env) = &self.env else { return Self::unreachable(span) };
        let Some(state) = env.get(&variable).cloned() else {
            return self.unbound(variable, span);
        };
        match &state.set {
            Set::Always => self.read(variable, &state.ty, span),
            Set::Sometimes => {
                if self.program.flagged.insert((self.instance, variable)) {
                    self.program.changed = true;
                }
                let flag = self.flag(variable);
                let test = Ex::local(flag, Ty::Bool, span);
                let raise = self.unbound(variable, span);
                let value = self.read(variable, &state.ty, span);
                let ty = value.ty.clone();
                Ex::new(Op::If(Box::new(test), Box::new(value), Box::new(raise)), ty, span)
            }
            Set::Conflict(left, right) => {
                let name = self.names[&variable].clone();
                let (left, right) = (self.show(left), self.show(right));
                let message = format!("`{name}` is `{left}` on one path and `{right}` on another");
                self.report(
                    Code::MixedTypes,
                    span,
                    message,
                    "use two variables, or make the types equal",
                );
                Self::error(span)
            }
        }
    }

    fn read(&mut self, variable: VariableId, ty: &Ty, span: Span) -> Ex {
        let ty = self.resolve(ty);
        let local = self.slot(variable, &ty);
        let value = Ex::local(local, ty.clone(), span);
        if !self.has_walrus || ty == Ty::Error {
            return value;
        }
        let copy = self.fresh(&ty);
        let read = Ex::local(copy, ty.clone(), span);
        Ex::new(Op::Seq(vec![St::Set(copy, value)], Box::new(read)), ty, span)
    }

    pub(super) fn unbound(&mut self, variable: VariableId, span: Span) -> Ex {
        let name = &self.names[&variable];
        let text = format!(
            "cannot access local variable '{name}' where it is not associated with a value"
        );
        Self::raise(self.exception("UnboundLocalError"), &text, span)
    }

    /// An expression that raises `class(text)`.
    pub(super) fn raise(class: u32, text: &str, span: Span) -> Ex {
        let text =
            Ex::new(Op::Static(crate::request::Literal::Str(text.to_owned())), Ty::Str, span);
        Ex::new(Op::Raise(Raise::Value(class, Box::new(text))), Ty::Never, span)
    }

    /// Index of a builtin exception class that is known to be in the table.
    pub(super) fn exception(&self, name: &str) -> u32 {
        spm_protocol::raised::builtin_exception(name).unwrap_or_default()
    }

    /// Evaluates for the effect. What does not return ends the path, but within an expression: the statement that has
    /// the expression is still to be pushed.
    pub(super) fn evaluate(&mut self, value: Ex) {
        let never = self.resolve(&value.ty) == Ty::Never;
        self.push(St::Eval(value));
        if never && self.within == 0 {
            self.env = None;
        }
    }

    /// Leads the current path to a place where paths meet.
    pub(super) fn flow_to(&mut self, node: NodeId, place: u8, span: Span) {
        let Some(env) = self.env.clone() else { return };
        let key = (self.instance, self.copy, node, place);
        let mut join = self.program.joins.remove(&key).unwrap_or_default();
        if self.meet(&mut join, &env) {
            self.program.changed = true;
        }
        let target = join.env.clone().unwrap_or_default();
        self.program.joins.insert(key, join);
        for (variable, state) in &env {
            let Some(wanted) = target.get(variable) else { continue };
            let (from, to) = (self.resolve(&state.ty), self.resolve(&wanted.ty));
            let conflict = |set: &Set| matches!(set, Set::Conflict(..));
            if from == to || conflict(&state.set) || conflict(&wanted.set) {
                continue;
            }
            let source = self.slot(*variable, &from);
            let destination = self.slot(*variable, &to);
            let value = self.coerce(Ex::local(source, from, span), &to);
            self.push(St::Set(destination, value));
        }
    }

    /// Continues from a place where paths met.
    pub(super) fn enter(&mut self, node: NodeId, place: u8) {
        let join = self.program.joins.get(&(self.instance, self.copy, node, place));
        self.env = join.and_then(|join| join.env.clone());
    }

    /// Adds a path's variables to a join. Says whether it grew.
    fn meet(&mut self, join: &mut Join, env: &Env) -> bool {
        let Some(known) = &mut join.env else {
            join.env = Some(env.clone());
            return true;
        };
        let mut changed = false;
        for (variable, state) in known.iter_mut() {
            let met = match env.get(variable) {
                Some(new) => self.meet_states(state, new),
                None if state.set == Set::Always => {
                    State { ty: state.ty.clone(), set: Set::Sometimes }
                }
                None => state.clone(),
            };
            changed |= met != *state;
            *state = met;
        }
        for (variable, state) in env {
            if !known.contains_key(variable) {
                let set = match &state.set {
                    Set::Always => Set::Sometimes,
                    other => other.clone(),
                };
                known.insert(*variable, State { ty: state.ty.clone(), set });
                changed = true;
            }
        }
        changed
    }

    pub(super) fn meet_states(&mut self, known: &State, new: &State) -> State {
        if matches!(known.set, Set::Conflict(..)) {
            return known.clone();
        }
        if matches!(new.set, Set::Conflict(..)) {
            return new.clone();
        }
        let set = if known.set == new.set { known.set.clone() } else { Set::Sometimes };
        match self.program.types.join(&known.ty, &new.ty) {
            // What is merely resolved has not changed.
            Ok(ty) if ty == self.resolve(&known.ty) => State { ty: known.ty.clone(), set },
            Ok(ty) => State { ty, set },
            Err(_) => {
                let set = Set::Conflict(self.resolve(&known.ty), self.resolve(&new.ty));
                State { ty: Ty::Error, set }
            }
        }
    }
}
