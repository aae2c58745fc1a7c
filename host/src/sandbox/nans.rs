//! Whether anyone can see which NaN an operation made.
//!
//! WebAssembly leaves the bits of a computed NaN open, and processors differ. Wasmtime can replace every such NaN by
//! the canonical one, right where it is computed: in loops of float arithmetic that takes half of the time. But bits
//! can be seen in a few places only: where a float is stored, reinterpreted as an integer, or gives its sign away. If
//! no computed NaN gets to such a place without having been replaced by the guest's own code, results are the same on
//! all processors without wasmtime's help.
//!
//! [`are_hidden`] proves that, or does not. It trusts nothing that a component says of itself: it follows *fresh*
//! floats, whose NaNs are open, through operands, locals, globals, parameters and results of every core module, to a fixed
//! point. What it does not know (vectors, exceptions, float globals that cross a module's boundary) it takes as visible. So
//! it does what leaves a module with a call, or what a function hands to those outside; what comes in from there is then
//! not fresh. The answer depends on the bytes of the component alone.

mod flow;

use wasmparser::{
    CompositeInnerType, ExternalKind, FuncType, FunctionBody, GlobalType, Parser, Payload, SubType,
    TypeRef, ValType,
};

/// Changes with every change of what is proved, so that artefacts made under another proof are not used.
pub(super) const PROOF_VERSION: u64 = 2;
/// Turns after which a module is not looked at any longer. Compiled Python takes three or four.
const TURNS_MAX: usize = 12;
/// Code that is looked at: a proof takes a small part of the time that compiling takes, but more than once over.
const CODE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Whether no NaN's open bits can be seen, in any module of a valid component.
pub(super) fn are_hidden(component: &[u8]) -> bool {
    component.len() <= CODE_BYTES_MAX && prove(component).unwrap_or(false)
}

/// Nothing if it cannot be read, which wasmtime will say better.
fn prove(component: &[u8]) -> Option<bool> {
    let mut modules: Vec<ModuleFacts<'_>> = Vec::new();
    // Modules contain no others, so the last one is the one that is being read.
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.ok()?;
        if let Payload::Version { encoding: wasmparser::Encoding::Module, .. } = payload {
            modules.push(ModuleFacts::default());
        } else if let Some(module) = modules.last_mut() {
            module.read(payload)?;
        }
    }
    Some(modules.iter_mut().all(|module| module.is_closed && module.hides()))
}

/// A core module, and what is known of the floats in it.
struct ModuleFacts<'a> {
    types: Vec<SubType>,
    /// The type of each function, imports first.
    functions: Vec<u32>,
    imports: usize,
    globals: Vec<GlobalType>,
    bodies: Vec<FunctionBody<'a>>,
    /// Functions that others may call, imports counted.
    exports: Vec<usize>,
    /// Whether no float gets in or out but through memory, or functions.
    is_closed: bool,
    fresh: Fresh,
}

/// What may be a NaN with open bits. Grows only.
#[derive(Default)]
struct Fresh {
    /// By function, without imports: parameters and locals.
    locals: Vec<Vec<bool>>,
    /// By function, without imports.
    results: Vec<Vec<bool>>,
    globals: Vec<bool>,
    /// Functions that have nothing to do with floats.
    floatless: Vec<bool>,
    has_changed: bool,
}

impl Default for ModuleFacts<'_> {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            functions: Vec::new(),
            imports: 0,
            globals: Vec::new(),
            bodies: Vec::new(),
            exports: Vec::new(),
            is_closed: true,
            fresh: Fresh::default(),
        }
    }
}

fn is_float(ty: ValType) -> bool {
    // Vectors hold floats.
    matches!(ty, ValType::F32 | ValType::F64 | ValType::V128)
}

fn has_floats(ty: &FuncType) -> bool {
    ty.params().iter().chain(ty.results()).any(|ty| is_float(*ty))
}

impl<'a> ModuleFacts<'a> {
    fn read(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    self.types.extend(group.ok()?.into_types());
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import.ok()?.ty {
                        TypeRef::Func(ty) => {
                            self.functions.push(ty);
                            self.imports += 1;
                        }
                        TypeRef::Global(global) => self.add_foreign_global(global),
                        TypeRef::Table(_) | TypeRef::Memory(_) => {}
                        _ => self.is_closed = false,
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty.ok()?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    self.globals.push(global.ok()?.ty);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.ok()?;
                    match export.kind {
                        ExternalKind::Func => self.exports.push(export.index as usize),
                        ExternalKind::Global => {
                            let global = self.globals.get(export.index as usize)?;
                            self.is_closed &= !is_float(global.content_type);
                        }
                        ExternalKind::Memory | ExternalKind::Table => {}
                        _ => self.is_closed = false,
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Some(())
    }

    fn add_foreign_global(&mut self, global: GlobalType) {
        self.is_closed &= !is_float(global.content_type);
        self.globals.push(global);
    }

    fn func_type(&self, index: u32) -> Option<&FuncType> {
        match &self.types.get(index as usize)?.composite_type.inner {
            CompositeInnerType::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type of a function, imports counted.
    fn type_of(&self, function: u32) -> Option<&FuncType> {
        self.func_type(*self.functions.get(function as usize)?)
    }

    /// Whether nothing open is seen in it.
    fn hides(&mut self) -> bool {
        let mut fresh = Fresh { globals: vec![false; self.globals.len()], ..Fresh::default() };
        for ty in self.functions.iter().skip(self.imports) {
            let Some(ty) = self.func_type(*ty) else { return false };
            fresh.locals.push(vec![false; ty.params().len()]);
            fresh.results.push(vec![false; ty.results().len()]);
        }
        if self.bodies.len() != fresh.locals.len() {
            return false;
        }
        fresh.floatless = vec![false; self.bodies.len()];
        self.fresh = fresh;
        for _ in 0..TURNS_MAX {
            self.fresh.has_changed = false;
            let mut hides = true;
            for number in 0..self.bodies.len() {
                if self.fresh.floatless[number] {
                    continue;
                }
                match flow::follow(self, number) {
                    Some(hidden) => hides &= hidden,
                    None => return false,
                }
            }
            let shows = |export: &usize| {
                let number = export.checked_sub(self.imports);
                let results = number.and_then(|number| self.fresh.results.get(number));
                results.is_some_and(|results| results.contains(&true))
            };
            hides &= !self.exports.iter().any(shows);
            // What is seen in an earlier turn is seen in all later ones.
            if !hides || !self.fresh.has_changed {
                return hides;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
