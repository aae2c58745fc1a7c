//! A component, as it is read: what is of its core, and what is around that.

use std::collections::BTreeMap;

use wasmparser::{
    CanonicalFunction, ComponentAlias, Encoding, Instance as CoreInstance, Parser, Payload,
};

use crate::FuseError;
use crate::module::{Kind, Module};

/// What wit-component's module for imports exports, for another to fill.
pub(crate) const IMPORTS_TABLE: &str = "$imports";

/// A core instance.
pub(crate) enum Instance<'a> {
    /// Of a module, with an instance for each of the modules that it imports from.
    Of(usize, BTreeMap<&'a str, u32>),
    /// Made of core items.
    Items(BTreeMap<&'a str, (Kind, u32)>),
}

/// A core item of the component itself.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    /// An export of a core instance.
    Export(u32, &'a str),
    /// What the component model makes.
    Canonical(usize),
}

/// What is around the core, in order.
pub(crate) enum Around<'a> {
    /// A section: its number and content.
    Section(u8, &'a [u8]),
    Aliases(Vec<ComponentAlias<'a>>),
    Lift(CanonicalFunction),
}

/// A component.
#[derive(Default)]
pub(crate) struct Component<'a> {
    pub(crate) modules: Vec<Module<'a>>,
    pub(crate) instances: Vec<Instance<'a>>,
    pub(crate) items: BTreeMap<Kind, Vec<Item<'a>>>,
    pub(crate) canonical: Vec<CanonicalFunction>,
    pub(crate) around: Vec<Around<'a>>,
}

impl<'a> Component<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, FuseError> {
        let mut component = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::Version { encoding, .. } => {
                    if depth == 0 && *encoding == Encoding::Module {
                        return Err(FuseError::unlike("no component in it"));
                    }
                    depth += 1;
                }
                Payload::End(_) => depth -= 1,
                // What is in modules and components is read with them.
                _ if depth > 1 => {}
                Payload::ModuleSection { unchecked_range, .. } => {
                    component.modules.push(Module::read(&bytes[unchecked_range.clone()])?);
                }
                _ => component.add(payload, bytes)?,
            }
        }
        Ok(component)
    }

    fn add(&mut self, payload: Payload<'a>, bytes: &'a [u8]) -> Result<(), FuseError> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.instances.push(match instance? {
                        CoreInstance::Instantiate { module_index, args } => Instance::Of(
                            module_index as usize,
                            args.iter().map(|argument| (argument.name, argument.index)).collect(),
                        ),
                        CoreInstance::FromExports(exports) => {
                            let mut items = BTreeMap::new();
                            for export in &exports {
                                items.insert(export.name, (export.kind.try_into()?, export.index));
                            }
                            Instance::Items(items)
                        }
                    });
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                let mut around = Vec::new();
                for alias in aliases {
                    match alias? {
                        ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                            let item = Item::Export(instance_index, name);
                            self.items.entry(kind.try_into()?).or_default().push(item);
                        }
                        alias => around.push(alias),
                    }
                }
                self.around.push(Around::Aliases(around));
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    match function? {
                        lift @ CanonicalFunction::Lift { .. } => {
                            self.around.push(Around::Lift(lift));
                        }
                        function => {
                            let item = Item::Canonical(self.canonical.len());
                            self.items.entry(Kind::Function).or_default().push(item);
                            self.canonical.push(function);
                        }
                    }
                }
            }
            Payload::CustomSection(_) => {}
            other => {
                let part = FuseError::unlike("an unknown section");
                let (id, range) = other.as_section().ok_or(part)?;
                self.around.push(Around::Section(id, &bytes[range]));
            }
        }
        Ok(())
    }

    /// The module of an instance of one.
    pub(crate) fn module(&self, instance: u32) -> &Module<'a> {
        match &self.instances[instance as usize] {
            Instance::Of(module, _) => &self.modules[*module],
            Instance::Items(_) => unreachable!("instances that are made of items are not fused"),
        }
    }

    /// Whether an instance is of what wit-component puts around: the table of imports, or what fills it.
    pub(crate) fn is_shim(&self, instance: &Instance<'_>) -> bool {
        let Instance::Of(module, arguments) = instance else { return false };
        let has_table = |argument: &u32| match self.instances.get(*argument as usize) {
            Some(Instance::Items(items)) => items.contains_key(IMPORTS_TABLE),
            _ => false,
        };
        self.modules[*module].exports.contains_key(IMPORTS_TABLE)
            || arguments.values().any(has_table)
    }

    /// A core item, by its index.
    pub(crate) fn item(&self, kind: Kind, index: u32) -> Result<Item<'a>, FuseError> {
        let found = self.items.get(&kind).and_then(|items| items.get(index as usize));
        found.copied().ok_or(FuseError::unlike("an index of nothing"))
    }
}
