//! What a task may ask of its manager: the interfaces `hub`, `tree` and `team`, linked to the task's channel.
//!
//! A task whose outcome depends on when others ran, or that others have heard of before it ended, is not pure. What it
//! spawns counts only with its outcome, so that is part of the outcome.

use std::sync::Arc;

use spm_protocol::TrapCode;
use spm_protocol::limits::VALUE_BYTES_MAX;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList};

use super::channel::{Channel, Manager, Message, Over, Patience};
use super::state::{Ended, TaskState};

const HUB: &str = "spm:closure/hub@0.1.0";
const TREE: &str = "spm:closure/tree@0.1.0";
const TEAM: &str = "spm:closure/team@0.1.0";

/// What stands for any source, and any tag.
const ANY: i64 = -1;

type Store<'a> = StoreContextMut<'a, TaskState>;
/// A message as the canonical ABI has it.
type Received = (u32, u32, Vec<u8>);

/// Links the interfaces that only some managers' tasks may use.
pub(super) fn link(linker: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    linker.instance(HUB)?.func_wrap(
        "ask",
        |mut store: Store<'_>, (question,): (WasmList<u8>,)| {
            let question = message(&store, &question)?;
            let answer = store
                .data_mut()
                .wait(Manager::Farm, |channel, patience| channel.ask(question, patience))?;
            Ok((within_limit(answer)?,))
        },
    )?;
    link_tree(linker)?;
    link_team(linker)
}

fn link_tree(linker: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    let mut tree = linker.instance(TREE)?;
    tree.func_wrap("spawn", |store: Store<'_>, (arguments, priority): (WasmList<u8>, f64)| {
        let channel = store.data().channel(Manager::Template)?;
        let arguments = message(&store, &arguments)?;
        Ok(channel.spawn(arguments, priority).map_err(ended)?)
    })?;
    tree.func_wrap("bound", |mut store: Store<'_>, (): ()| {
        store.data_mut().is_impure = true;
        Ok((store.data().channel(Manager::Template)?.bound(),))
    })?;
    tree.func_wrap("improve", |mut store: Store<'_>, (value,): (f64,)| {
        store.data_mut().is_impure = true;
        store.data().channel(Manager::Template)?.improve(value);
        Ok(())
    })
}

fn link_team(linker: &mut Linker<TaskState>) -> wasmtime::Result<()> {
    let mut team = linker.instance(TEAM)?;
    team.func_wrap("rank", |store: Store<'_>, (): ()| {
        Ok((store.data().channel(Manager::Team)?.rank(),))
    })?;
    team.func_wrap("size", |store: Store<'_>, (): ()| {
        Ok((store.data().channel(Manager::Team)?.size(),))
    })?;
    team.func_wrap(
        "send",
        |mut store: Store<'_>, (destination, tag, content): (u32, u32, WasmList<u8>)| {
            let size = store.data().channel(Manager::Team)?.size();
            if destination >= size {
                return Err(NO_SUCH.into());
            }
            let content = message(&store, &content)?;
            Ok(store.data_mut().wait(Manager::Team, |channel, patience| {
                channel.send(destination, tag, content, patience)
            })?)
        },
    )?;
    team.func_wrap("receive", |mut store: Store<'_>, wanted: (i32, i64)| {
        let received = store.data_mut().wait(Manager::Team, |channel, patience| {
            let (source, tag) = wanted_of(channel, wanted)?;
            channel.receive(source, tag, patience)
        })?;
        Ok((received_within_limit(received)?,))
    })?;
    team.func_wrap("poll", |mut store: Store<'_>, wanted: (i32, i64)| {
        let polled = store.data_mut().wait(Manager::Team, |channel, patience| {
            let (source, tag) = wanted_of(channel, wanted)?;
            channel.poll(source, tag, patience)
        })?;
        Ok((polled.map(received_within_limit).transpose()?,))
    })
}

/// The guest named a rank or a tag that there is none of. Guests of ours raise an exception before they get here.
const NO_SUCH: Ended = Ended::Violation(TrapCode::AbiViolation);

/// Which messages are wanted.
fn wanted_of(
    channel: &dyn Channel,
    (source, tag): (i32, i64),
) -> Result<(Option<u32>, Option<u32>), Over> {
    let exact = |number: i64| match number {
        ANY => Ok(None),
        _ => u32::try_from(number).map(Some).map_err(|_| Over(NO_SUCH)),
    };
    let source = exact(source.into())?;
    if source.is_some_and(|source| source >= channel.size()) {
        return Err(Over(NO_SUCH));
    }
    Ok((source, exact(tag)?))
}

/// A guest's message. It is measured before it is copied.
fn message(store: &Store<'_>, list: &WasmList<u8>) -> Result<Vec<u8>, Ended> {
    let content = list.as_le_slice(store);
    if content.len() > VALUE_BYTES_MAX {
        return Err(Ended::Violation(TrapCode::MessageLimit));
    }
    Ok(content.to_vec())
}

/// What is handed to a guest costs it memory of its own, so only what no channel lets through is refused.
fn within_limit(content: Vec<u8>) -> Result<Vec<u8>, Ended> {
    if content.len() > VALUE_BYTES_MAX {
        return Err(Ended::Violation(TrapCode::MessageLimit));
    }
    Ok(content)
}

fn received_within_limit(received: Message) -> Result<Received, Ended> {
    Ok((received.source, received.tag, within_limit(received.content)?))
}

fn ended(Over(ended): Over) -> Ended {
    ended
}

impl TaskState {
    /// Which manager the task is of.
    pub(super) fn manager(&self) -> Manager {
        self.channel.as_ref().map_or(Manager::Independent, |channel| channel.manager())
    }

    /// The task's channel, if it is one of this manager.
    fn channel(&self, manager: Manager) -> Result<Arc<dyn Channel>, Ended> {
        let channel = self.channel.as_ref().filter(|channel| channel.manager() == manager);
        channel.cloned().ok_or(Ended::Violation(TrapCode::ImportDenied))
    }

    /// Does what may take others' time. What was printed before is seen meanwhile.
    fn wait<T>(
        &mut self,
        manager: Manager,
        act: impl FnOnce(&dyn Channel, &Patience<'_>) -> Result<T, Over>,
    ) -> Result<T, Ended> {
        let channel = self.channel(manager)?;
        self.is_impure = true;
        self.show_output();
        let patience =
            Patience { stop: &self.stop, deadline: self.deadline, sink: self.sink.as_deref() };
        act(&*channel, &patience).map_err(ended)
    }
}
