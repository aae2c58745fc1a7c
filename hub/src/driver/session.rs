//! A session: closures are defined, then a task manager runs on them, then it is concluded; and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use spm_protocol::frame::{Member, Provider};
use spm_protocol::limits::{
    CLOSURES_MAX, COMPONENT_BYTES_MAX, PREPARE_LONG_DEADLINE_MS, SIGNATURE_LIFETIME_MS,
};
use spm_protocol::{Engine, Manifest, PeerId, Point, SessionId, SignedManifest};

use super::core::{Core, DefineResult, Run};
use super::pool::Shared;
use super::queue::Feeder;
use super::{CompletionQueue, Hub, ListRun};
use crate::closure::{Blob, ClosureDefinition};
use crate::error::{BeginDefineError, SequenceError};
use crate::machine::host::Busy;
use crate::machine::list::Rules;
use crate::machine::session::Definition;
use crate::options::{DefineOptions, ListOptions};

/// One conversation with the hosts of a pool. Clones are the same session; dropping the last, and the last of
/// its runs, closes it.
#[derive(Clone)]
pub struct Session {
    handle: Arc<SessionHandle>,
}

struct SessionHandle {
    core: Arc<Core>,
    hub: Hub,
    /// The pool lives as long as its sessions.
    _pool: Arc<Shared>,
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Session {
    pub(super) fn new(core: Arc<Core>, hub: Hub, pool: Arc<Shared>) -> Self {
        Self { handle: Arc::new(SessionHandle { core, hub, _pool: pool }) }
    }

    /// Its random id.
    pub fn id(&self) -> SessionId {
        self.handle.core.id
    }

    /// Starts bringing closures into force at the next sequence point. Tasks name them by their place in the
    /// list.
    pub fn define(
        &self,
        closures: Vec<ClosureDefinition>,
        options: DefineOptions,
    ) -> Result<Defining, BeginDefineError> {
        check(&closures)?;
        let core = &self.handle.core;
        let blobs = blobs_of(&closures);
        let definition = self.sign(closures, &blobs, options);
        for blob in &blobs {
            core.blobs.add(core.id, blob);
        }
        let slot = Arc::new(OnceLock::new());
        let ids: Vec<_> = blobs.iter().map(Blob::id).collect();
        let begun = {
            let mut state = core.state.lock();
            match state.conversation.session().check_define() {
                Ok(()) => {
                    state.defining = Some(Arc::clone(&slot));
                    state.definition_blobs.clone_from(&ids);
                    core.with_locked(state, |conversation, now_ms, actions| {
                        conversation.define(now_ms, definition, actions).map(|_| ())
                    })
                }
                Err(error) => Err(error),
            }
        };
        if let Err(error) = begun {
            for id in ids {
                core.blobs.remove(core.id, id);
            }
            return Err(error.into());
        }
        Ok(Defining { core: Arc::clone(core), slot })
    }

    fn sign(
        &self,
        closures: Vec<ClosureDefinition>,
        blobs: &[Blob],
        mut options: DefineOptions,
    ) -> Definition {
        if closures.iter().any(|closure| closure.engine == Engine::Scientific) {
            options.deadline_ms = options.deadline_ms.max(PREPARE_LONG_DEADLINE_MS);
        }
        let hub = &self.handle.hub;
        let expires_unix_ms = unix_ms().saturating_add(SIGNATURE_LIFETIME_MS);
        let providers = blobs.iter().map(|blob| Provider {
            id: blob.id(),
            bytes: blob.length() as u64,
            peers: vec![Member::from(hub.peer())],
        });
        let providers = providers.collect();
        let fallbacks = closures.iter().map(|closure| closure.fallback).collect();
        let closures = closures.into_iter().map(|closure| {
            let manifest = Manifest {
                name: closure.name,
                component: closure.component.id(),
                component_bytes: closure.component.length() as u64,
                engine: closure.engine,
                payload: closure.payload.map(|blob| (blob.id(), blob.length() as u64)),
                fallback: closure.fallback,
                classes: closure.classes,
                limits: closure.limits,
                capabilities: closure.capabilities,
                isolation: closure.isolation,
                source: closure.source,
                compiler: closure.compiler,
                session: self.id(),
                expires_unix_ms,
            };
            SignedManifest::sign(&manifest, hub.key())
        });
        Definition { closures: closures.collect(), fallbacks, providers, options }
    }

    /// Starts a run of the `List` manager on the point in force.
    pub fn list(&self, options: ListOptions) -> Result<ListRun, SequenceError> {
        let core = &self.handle.core;
        let feeder = Arc::new(Feeder::default());
        let ListOptions { run_deadline_ms, .. } = options;
        let (queue, tag) = options.queue.unwrap_or_else(|| (Arc::new(CompletionQueue::new()), 0));
        let state = core.state.lock();
        let mut number = 0;
        core.with_locked(state, |conversation, now_ms, actions| {
            let rules = Rules {
                ordered: options.ordered,
                window_tasks: options.window_tasks,
                retries: options.retries,
                retry_deadline_hit: options.retry_deadline_hit,
                task_deadline_ms: options.task_deadline_ms,
                until_ms: run_deadline_ms.map(|deadline_ms| now_ms.saturating_add(deadline_ms)),
            };
            conversation.start_list(now_ms, rules, actions)
        })?;
        {
            // Nothing was submitted yet, so nothing was delivered before this.
            let mut state = core.state.lock();
            state.runs += 1;
            number += state.runs;
            queue.register(tag, &feeder);
            state.run =
                Some(Run { number, queue: Arc::clone(&queue), tag, feeder: Arc::clone(&feeder) });
        }
        Ok(ListRun::new(self.clone(), number, queue, feeder))
    }

    /// Starts concluding the point in force; a definition under way is given up. What a manager still has ends
    /// as cancelled. Without a point in force this is done at once.
    pub fn conclude(&self) -> Result<Concluding, SequenceError> {
        let core = &self.handle.core;
        let done = Arc::new(AtomicBool::new(false));
        let mut state = core.state.lock();
        state.concluding.push(Arc::clone(&done));
        core.with_locked(state, |conversation, now_ms, actions| {
            conversation.conclude(now_ms, actions)
        })?;
        Ok(Concluding { core: Arc::clone(core), done })
    }

    /// The point in force, and the hosts it is in force on now.
    pub fn online(&self) -> Option<(Point, Vec<PeerId>)> {
        let state = self.handle.core.state.lock();
        let point = state.conversation.session().online()?;
        Some((point, state.conversation.online_hosts().map(|(_, peer)| peer).collect()))
    }

    /// Ends the session: hosts drop everything of it. What its manager still has ends as cancelled.
    pub fn close(&self) {
        self.handle.core.close();
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }
}

/// What hosts need for these closures, once each.
fn blobs_of(closures: &[ClosureDefinition]) -> Vec<Blob> {
    let mut blobs: Vec<Blob> = Vec::new();
    for closure in closures {
        for blob in [Some(&closure.component), closure.payload.as_ref()].into_iter().flatten() {
            if !blobs.iter().any(|known| known.id() == blob.id()) {
                blobs.push(blob.clone());
            }
        }
    }
    blobs
}

fn check(closures: &[ClosureDefinition]) -> Result<(), BeginDefineError> {
    if closures.is_empty() || closures.len() > CLOSURES_MAX {
        return Err(BeginDefineError::ClosureCount { count: closures.len(), limit: CLOSURES_MAX });
    }
    for closure in closures {
        if let Some(fallback) = closure.fallback {
            let other = closures.get(fallback as usize);
            if other.is_none_or(|other| other.fallback.is_some()) {
                let name = closure.name.clone();
                return Err(BeginDefineError::Fallback { name, fallback });
            }
        }
        for blob in [Some(&closure.component), closure.payload.as_ref()].into_iter().flatten() {
            let bytes = blob.length();
            if bytes > COMPONENT_BYTES_MAX {
                let name = closure.name.clone();
                return Err(BeginDefineError::BlobTooLarge {
                    name,
                    bytes,
                    limit: COMPONENT_BYTES_MAX,
                });
            }
        }
    }
    Ok(())
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

/// A definition under way.
#[derive(Clone)]
pub struct Defining {
    core: Arc<Core>,
    slot: Arc<OnceLock<DefineResult>>,
}

impl Defining {
    /// Waits for the point to come into force, for `timeout` at most, or as long as it takes. Returns the point
    /// and why hosts that are out of it are out, or `None` if the time passed.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<DefineResult> {
        self.core.wait(timeout, || self.slot.get().cloned())
    }

    /// The hosts that were asked and have not answered yet, and what they say that they do. For people.
    pub fn awaited(&self) -> Vec<(PeerId, Option<Busy>)> {
        let state = self.core.state.lock();
        if self.slot.get().is_some() {
            return Vec::new();
        }
        state.conversation.session().awaited()
    }
}

/// A conclusion under way.
#[derive(Clone)]
pub struct Concluding {
    core: Arc<Core>,
    done: Arc<AtomicBool>,
}

impl Concluding {
    /// Waits until every host that can be reached has nothing left of the point. `false` if the time passed.
    /// With no `timeout` this still ends: a host that does not answer is lost when its lease is over.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.core.wait(timeout, || self.done.load(Ordering::Acquire).then_some(())).is_some()
    }
}

impl Core {
    /// Waits until `look` finds something; it is asked whenever something may have changed.
    fn wait<T>(&self, timeout: Option<Duration>, look: impl Fn() -> Option<T>) -> Option<T> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.state.lock();
        loop {
            if let Some(found) = look() {
                return Some(found);
            }
            match deadline {
                Some(deadline) if self.changed.wait_until(&mut state, deadline).timed_out() => {
                    return look();
                }
                Some(_) => {}
                None => self.changed.wait(&mut state),
            }
        }
    }
}
