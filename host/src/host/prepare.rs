//! Fetching, verifying and compiling the closures of a sequence point.
//!
//! A closure that is another's fallback is verified as far as its manifest goes, and the rest waits for the first task
//! that needs it: few do, and an interpreter takes long to load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use spm_protocol::frame::{Member, MemberAddress, PrepareStep, Provider, Refusal};
use spm_protocol::limits::PREPARE_DEADLINE_MS;
use spm_protocol::{ContentId, Manifest, PeerId, SignedManifest};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::Shared;
use super::point::{Closure, ClosureRun, Fallback, FallbackTerms, Origin, PointRun};
use crate::define::Turn;
use crate::sandbox::{Definition, Granted, Keep, Kind, Profile};
use crate::session::Event;
use crate::verify;

/// How long a fallback may take to be prepared: as long as a point.
const FALLBACK_WAIT: Duration = Duration::from_millis(PREPARE_DEADLINE_MS);
/// How often a hub is told how far a fetch is; one that is over by then is not mentioned.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What an [`crate::session::Action::Prepare`] says.
pub(super) struct Preparation {
    pub(super) closures: Vec<SignedManifest>,
    pub(super) members: Vec<Member>,
    pub(super) providers: Vec<Provider>,
    pub(super) addresses: Vec<MemberAddress>,
    pub(super) meet: Vec<Member>,
}

/// Makes `run` ready, and says what the session is to be told.
pub(super) async fn prepare(
    host: Arc<Shared>,
    run: Arc<PointRun>,
    preparation: Preparation,
) -> Event {
    let point = run.point;
    let mut fetch_time = Duration::ZERO;
    let begun = Instant::now();
    match define_all(&host, &run, preparation, &mut fetch_time).await {
        Ok(closures) => {
            let defined = closures.len();
            if run.closures.set(closures).is_err() {
                tracing::error!(%point, "a sequence point was prepared twice");
            }
            let compile_time = begun.elapsed().saturating_sub(fetch_time);
            tracing::info!(session = %run.session.session, %point, closures = defined, ?fetch_time, ?compile_time, "prepared");
            Event::Prepared {
                point,
                fetch_us: fetch_time.as_micros() as u64,
                compile_us: compile_time.as_micros() as u64,
            }
        }
        Err(refusals) => {
            for refusal in &refusals {
                tracing::warn!(session = %run.session.session, %point, reason = refusal.reason, "refused");
            }
            Event::PrepareFailed { point, refusals }
        }
    }
}

async fn define_all(
    host: &Arc<Shared>,
    run: &Arc<PointRun>,
    preparation: Preparation,
    fetch_time: &mut Duration,
) -> Result<Vec<Closure>, Vec<Refusal>> {
    let manifests = check_manifests(host, run, &preparation.closures)?;
    let session = &run.session;
    let members: Vec<PeerId> = preparation.members.iter().filter_map(Member::peer).collect();
    let sources = sources(session.submitter.transport, &members, &preparation.providers);
    session.blobs.remember(preparation.addresses).await;
    let met = session.blobs.meet(&preparation.meet).await;
    met.map_err(|reason| vec![Refusal { closure: None, reason }])?;
    run.admit(members.iter().copied());
    let origin = Arc::new(Origin { members, sources });
    let mut closures = Vec::with_capacity(manifests.len());
    let mut refusals = Vec::new();
    for (index, manifest) in manifests.into_iter().enumerate() {
        let manifest = match manifest {
            Checked::Now(manifest) => manifest,
            Checked::Later(manifest) => {
                let origin = Arc::clone(&origin);
                let terms = manifest.map(|manifest| FallbackTerms { manifest, origin });
                let fallback = Fallback { terms, prepared: OnceCell::new() };
                closures.push(Closure::Later(Box::new(fallback)));
                continue;
            }
        };
        let defined = define_one(host, run, index as u32, &manifest, &origin, fetch_time).await;
        match defined {
            Ok(closure) => closures.push(Closure::Ready(closure)),
            Err(reason) => refusals.push(refusal(index, &manifest.name, &reason)),
        }
    }
    if refusals.is_empty() { Ok(closures) } else { Err(refusals) }
}

/// Waits until a fallback is prepared, by whoever needed it first.
///
/// # Errors
/// Says why it cannot be; that is so for the rest of the point.
pub(super) async fn prepare_fallback(
    host: &Arc<Shared>,
    run: &Arc<PointRun>,
    index: u32,
) -> Result<(), String> {
    let closure = run.closures.get().and_then(|closures| closures.get(index as usize));
    let Some(Closure::Later(fallback)) = closure else { return Ok(()) };
    let prepare = async || {
        let FallbackTerms { manifest, origin } = fallback.terms.as_ref().map_err(String::clone)?;
        let (begun, mut fetch_time) = (Instant::now(), Duration::ZERO);
        run.tell_preparing(index, PrepareStep::Compiling, None);
        let defining = define_one(host, run, index, manifest, origin, &mut fetch_time);
        let defined = timeout(FALLBACK_WAIT, defining).await.unwrap_or_else(|_| {
            Err(format!("preparing it took longer than {} s", FALLBACK_WAIT.as_secs()))
        });
        run.tell_preparing(index, PrepareStep::Compiling, Some(1000));
        let (session, point, took) = (run.session.session, run.point, begun.elapsed());
        match &defined {
            Ok(_) => tracing::info!(%session, %point, index, ?took, "prepared a fallback"),
            Err(reason) => tracing::warn!(%session, %point, index, reason, "refused a fallback"),
        }
        defined
    };
    // If the task that it is prepared for is cancelled, another that waits goes on.
    let prepared = fallback.prepared.get_or_init(prepare).await;
    prepared.as_ref().map(|_| ()).map_err(String::clone)
}

/// A manifest, and when its closure is prepared.
enum Checked {
    /// With the point.
    Now(Manifest),
    /// When a task needs it, unless this is why it cannot be.
    Later(Result<Manifest, String>),
}

/// Checks all that can be said without a blob, of all closures. What is wrong with a fallback is for the tasks that
/// need it.
fn check_manifests(
    host: &Shared,
    run: &PointRun,
    closures: &[SignedManifest],
) -> Result<Vec<Checked>, Vec<Refusal>> {
    let now_unix_ms = crate::clock::unix_ms();
    let (offer, session) = (&host.offer, &run.session);
    verify::check_submitter(offer, &session.submitter, now_unix_ms)
        .map_err(|error| vec![Refusal { closure: None, reason: error.to_string() }])?;
    let checked: Vec<_> = closures
        .iter()
        .map(|signed| {
            verify::check_manifest(
                offer,
                signed,
                &session.submitter,
                session.session,
                closures.len(),
                now_unix_ms,
            )
            .map_err(|error| error.to_string())
        })
        .collect();
    let fallbacks: BTreeSet<u32> =
        checked.iter().flatten().filter_map(|manifest| manifest.fallback).collect();
    let mut manifests = Vec::with_capacity(closures.len());
    let mut refusals = Vec::new();
    for (index, checked) in (0..).zip(checked) {
        match checked {
            checked if fallbacks.contains(&index) => manifests.push(Checked::Later(checked)),
            Ok(manifest) => manifests.push(Checked::Now(manifest)),
            Err(reason) => refusals.push(Refusal { closure: Some(index), reason }),
        }
    }
    if refusals.is_empty() { Ok(manifests) } else { Err(refusals) }
}

/// Who may be asked for which blob: its providers that are members, and the submitter.
fn sources(
    submitter: PeerId,
    members: &[PeerId],
    providers: &[Provider],
) -> BTreeMap<ContentId, Vec<PeerId>> {
    let members: BTreeSet<PeerId> = members.iter().copied().collect();
    let mut sources: BTreeMap<ContentId, Vec<PeerId>> = BTreeMap::new();
    for provider in providers {
        let peers =
            provider.peers.iter().filter_map(Member::peer).filter(|peer| members.contains(peer));
        sources.entry(provider.id).or_default().extend(peers);
    }
    for peers in sources.values_mut() {
        if !peers.contains(&submitter) {
            peers.push(submitter);
        }
    }
    sources
}

async fn define_one(
    host: &Arc<Shared>,
    run: &Arc<PointRun>,
    index: u32,
    manifest: &Manifest,
    origin: &Origin,
    fetch_time: &mut Duration,
) -> Result<ClosureRun, String> {
    let session = &run.session;
    let mut fetch = async |id: ContentId, bytes: u64| -> Result<Bytes, String> {
        let begun = Instant::now();
        let submitter = [session.submitter.transport];
        let providers = origin.sources.get(&id).map_or(&submitter[..], Vec::as_slice);
        let progress = Progress { run: Arc::clone(run), index, told: Mutex::new(begun) };
        let told = move |done, of| progress.tell(done, of);
        let fetched = session.blobs.fetch(id, bytes, session.session, providers, told).await;
        *fetch_time += begun.elapsed();
        let content = fetched?;
        verify::check_content(id, &content).map_err(|error| error.to_string())?;
        session.blobs.share(id, session.session, &origin.members);
        Ok(content)
    };
    let payload = match manifest.payload {
        Some((id, bytes)) => Some(fetch(id, bytes).await?),
        None => None,
    };
    let id = manifest.component;
    let kind = kind_of(manifest);
    let memory_bytes = manifest.limits.memory_bytes;
    let mut definition = host.definer.known(id, kind, memory_bytes);
    let mut turn = None;
    if definition.is_none() && kind.profile.is_interpreter() {
        // Whoever waits may find that another made it, or that the host did at its start.
        run.tell_preparing(index, PrepareStep::Compiling, None);
        turn = Some(host.definer.turn(kind.profile).await?);
        definition = host.definer.known(id, kind, memory_bytes);
    }
    let definition = if let Some(definition) = definition {
        definition
    } else {
        let bytes = manifest.component_bytes;
        let (component, is_fetched) = match kind.profile {
            Profile::Small => (fetch(id, bytes).await?, false),
            Profile::Python | Profile::Scientific => {
                let reading = Arc::clone(host);
                let here = tokio::task::spawn_blocking(move || reading.runtimes.get(id, bytes));
                if let Some(component) = here.await.map_err(|error| bug(&error))? {
                    (component, false)
                } else if !host.fetches_runtimes {
                    return Err(format!(
                        "the runtime of engine `{}` ({id}) is not on this host, and it fetches none",
                        manifest.engine.name()
                    ));
                } else {
                    let component = fetch(id, bytes).await?;
                    let is_from_elsewhere = session.blobs.is_from_elsewhere();
                    if is_from_elsewhere {
                        run.tell_preparing(index, PrepareStep::Compiling, None);
                    }
                    (component, is_from_elsewhere)
                }
            }
        };
        let mut turn = match turn {
            Some(turn) => turn,
            None => host.definer.turn(kind.profile).await?,
        };
        loop {
            let (defining, running, code) = (Arc::clone(host), Arc::clone(run), component.clone());
            let defined = tokio::task::spawn_blocking(move || {
                // This goes on when the preparation is aborted, and the point is not dropped before it is over: no
                // hub can pile up compilations.
                let defined =
                    define_in_turn(&defining, &running, id, &code, kind, memory_bytes, &turn);
                if defined.is_ok() && is_fetched {
                    defining.runtimes.keep(id, &code);
                }
                if defined.is_err() && turn.is_outstayed() { None } else { Some(defined) }
            });
            match defined.await.map_err(|error| bug(&error))? {
                Some(defined) => break defined?,
                None => turn = host.definer.long_turn().await?,
            }
        }
    };
    let keep = Keep::of(manifest.isolation, kind.profile);
    let granted = Granted::new(&manifest.capabilities).map_err(|error| error.to_string())?;
    Ok(ClosureRun {
        definition,
        granted: granted.map(Arc::new),
        keep,
        payload,
        memory_bytes: memory_bytes as usize,
        fuel: manifest.limits.fuel.unwrap_or(0),
        deadline_ms: manifest.limits.deadline_ms,
    })
}

/// Verifies a component, and compiles it, as long as it is its turn and somebody waits for it.
fn define_in_turn(
    host: &Shared,
    run: &PointRun,
    id: ContentId,
    component: &[u8],
    kind: Kind,
    memory_bytes: u64,
    turn: &Turn,
) -> Result<Arc<Definition>, String> {
    let is_over = || run.is_abandoned() || turn.is_over();
    let initial_bytes = verify::check_limits(component, kind.profile.bounds(), memory_bytes)
        .map_err(|error| error.to_string())?;
    host.definer.validate(component, &is_over).map_err(|error| error.reason())?;
    host.definer
        .define(id, component, kind, initial_bytes, &is_over)
        .map_err(|error| error.reason())
}

/// Says how far the fetching of a blob is, if that takes a while.
struct Progress {
    run: Arc<PointRun>,
    index: u32,
    told: Mutex<Instant>,
}

impl Progress {
    fn tell(&self, done: u64, of: u64) {
        let mut told = self.told.lock();
        if told.elapsed() < PROGRESS_EVERY {
            return;
        }
        *told = Instant::now();
        let permille = done.saturating_mul(1000).checked_div(of).unwrap_or(0) as u32;
        self.run.tell_preparing(self.index, PrepareStep::Fetching, Some(permille));
    }
}

/// What a closure's component is compiled for.
fn kind_of(manifest: &Manifest) -> Kind {
    Kind { profile: Profile::of(manifest.engine), is_fuelled: manifest.limits.fuel.is_some() }
}

fn bug(error: &tokio::task::JoinError) -> String {
    format!("a bug in SPM's host: {error}")
}

fn refusal(index: usize, name: &str, reason: &str) -> Refusal {
    Refusal { closure: Some(index as u32), reason: format!("`{name}`: {reason}") }
}
