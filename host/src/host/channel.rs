//! A running task's connection to its manager at the hub.
//!
//! A task has one question under way at most: it waits for the answer in the thread that runs it. Messages go to the hub,
//! which knows where each rank is; what is large stays here, and its receiver fetches it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use spm_netmesh::Spin;
use spm_protocol::frame::{Answer, HostWork, Member, Question, Role, Spawned};
use spm_protocol::limits::{
    INLINE_BYTES_MAX, MIB, SENDS_UNCONFIRMED_MAX, SPAWNED_MAX, VALUE_BYTES_MAX,
};
use spm_protocol::{ContentId, Payload, PeerId, TaskId, TrapCode};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::point::PointRun;
use crate::sandbox::{Channel, Manager, Message, Over, Patience};

/// Longest wait between looks at whether the task is over.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes of messages that a rank sends before it asks whether there is room for more.
const SENT_UNCONFIRMED_MAX: u64 = MIB as u64;

/// Where answers for one task arrive.
#[derive(Default)]
pub(super) struct Replies {
    answer: Mutex<Option<(u64, Answer)>>,
    ready: Condvar,
    /// The number of the newest answer, for those who look without the lock.
    newest: AtomicU64,
    spin: Spin,
}

impl Replies {
    /// Takes an answer to the question of this number.
    pub(super) fn put(&self, number: u64, answer: Answer) {
        *self.answer.lock() = Some((number, answer));
        self.newest.store(number, Ordering::Release);
        self.ready.notify_one();
    }

    /// Waits for the answer to the question of this number.
    fn wait(&self, number: u64, patience: &Patience<'_>) -> Result<Answer, Over> {
        let began = Instant::now();
        self.spin.look(|| self.newest.load(Ordering::Acquire) >= number);
        let mut answer = self.answer.lock();
        loop {
            if let Some((_, found)) = answer.take_if(|(found, _)| *found == number) {
                self.spin.waited(began.elapsed());
                return Ok(found);
            }
            patience.check()?;
            let _ = self.ready.wait_for(&mut answer, LOOK);
        }
    }
}

#[derive(Default)]
struct Spawns {
    tasks: Vec<Spawned>,
    bytes: usize,
}

/// A task's connection, from when it arrives to its end.
pub(super) struct TaskChannel {
    point: Arc<PointRun>,
    id: TaskId,
    attempt: u32,
    role: Role,
    replies: Arc<Replies>,
    runtime: Handle,
    /// Questions so far.
    asked: AtomicU64,
    /// For each rank that was sent messages, how many and how many bytes since the last that was confirmed.
    unconfirmed: Mutex<BTreeMap<u32, (u64, u64)>>,
    spawned: Mutex<Spawns>,
    /// The last large message: often the next rank is sent the same.
    last_held: Mutex<Option<ContentId>>,
}

impl TaskChannel {
    /// A connection for an attempt at a task, if its manager is one to talk to.
    pub(super) fn new(
        point: &Arc<PointRun>,
        id: TaskId,
        attempt: u32,
        role: Role,
        runtime: Handle,
    ) -> Option<Arc<Self>> {
        if role == Role::Independent {
            return None;
        }
        let replies = Arc::<Replies>::default();
        point.asking.lock().insert((id, attempt), Arc::clone(&replies));
        Some(Arc::new(Self {
            point: Arc::clone(point),
            id,
            attempt,
            role,
            replies,
            runtime,
            asked: AtomicU64::new(0),
            unconfirmed: Mutex::default(),
            spawned: Mutex::default(),
            last_held: Mutex::default(),
        }))
    }

    /// Whether the task is a rank, which others wait for.
    pub(super) fn is_rank(&self) -> bool {
        matches!(self.role, Role::Rank { .. })
    }

    /// The tasks that it has made, if there are any.
    pub(super) fn take_spawned(&self) -> Option<Vec<Spawned>> {
        let tasks = std::mem::take(&mut self.spawned.lock().tasks);
        (!tasks.is_empty()).then_some(tasks)
    }

    /// Sends a question, and says its number. The caller's thread does for a hub in this process what that does with it.
    fn tell(&self, question: Question) -> u64 {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let (point, id, attempt) = (self.point.point, self.id, self.attempt);
        if !self.point.is_abandoned() {
            let frame = HostWork::Asked { point, id, attempt, number, question };
            self.point.session.send_work_then(&frame).run();
        }
        number
    }

    fn wait_for(&self, question: Question, patience: &Patience<'_>) -> Result<Answer, Over> {
        let number = self.tell(question);
        self.replies.wait(number, patience)
    }

    /// A value from the hub, or from the member that keeps it.
    fn fetch(
        &self,
        payload: Payload,
        holder: Option<&Member>,
        patience: &Patience<'_>,
    ) -> Result<Vec<u8>, Over> {
        let (id, bytes) = match payload {
            Payload::Inline(value) => return Ok(value),
            Payload::Blob { id, bytes } => (id, bytes),
        };
        let session = &self.point.session;
        let provider: PeerId = match holder {
            Some(member) => member.peer().ok_or_else(Over::unreachable)?,
            None => session.submitter.transport,
        };
        let providers = [provider];
        let fetched = self.runtime.block_on(async {
            let fetching = session.blobs.fetch(id, bytes, session.session, &providers, |_, _| {});
            let mut fetching = std::pin::pin!(fetching);
            loop {
                tokio::select! {
                    fetched = &mut fetching => return Ok(fetched),
                    () = sleep(LOOK) => patience.check()?,
                }
            }
        })?;
        match fetched {
            Ok(bytes) => Ok(bytes.into()),
            Err(reason) => {
                tracing::warn!(session = %session.session, %id, reason, "message cannot be fetched");
                Err(Over::unreachable())
            }
        }
    }

    fn message(&self, answer: Answer, patience: &Patience<'_>) -> Result<Option<Message>, Over> {
        match answer {
            Answer::Message { source, tag, message, holder } => {
                let content = self.fetch(message, holder.as_ref(), patience)?;
                Ok(Some(Message { source, tag, content }))
            }
            Answer::Nothing | Answer::Value(_) => Ok(None),
        }
    }
}

impl Drop for TaskChannel {
    fn drop(&mut self) {
        self.point.asking.lock().remove(&(self.id, self.attempt));
    }
}

impl Channel for TaskChannel {
    fn manager(&self) -> Manager {
        match self.role {
            Role::Independent => Manager::Independent,
            Role::Asker => Manager::Farm,
            Role::Branch => Manager::Template,
            Role::Rank { .. } => Manager::Team,
        }
    }

    fn ask(&self, question: Vec<u8>, patience: &Patience<'_>) -> Result<Vec<u8>, Over> {
        let question = self.point.session.payload(question).map_err(|_| Over::unreachable())?;
        match self.wait_for(Question::Ask(question), patience)? {
            Answer::Value(payload) => self.fetch(payload, None, patience),
            Answer::Message { .. } | Answer::Nothing => Err(Over::unreachable()),
        }
    }

    fn spawn(&self, arguments: Vec<u8>, priority: f64) -> Result<(), Over> {
        let mut spawned = self.spawned.lock();
        spawned.bytes += arguments.len();
        if spawned.tasks.len() >= SPAWNED_MAX || spawned.bytes > VALUE_BYTES_MAX {
            return Err(Over::violation(TrapCode::MessageLimit));
        }
        spawned.tasks.push(Spawned { priority: priority.to_bits(), arguments });
        Ok(())
    }

    fn bound(&self) -> f64 {
        self.point.bound()
    }

    fn improve(&self, value: f64) {
        if self.point.improve(value) {
            self.tell(Question::Improve(value.to_bits()));
        }
    }

    fn rank(&self) -> u32 {
        if let Role::Rank { rank, .. } = self.role { rank } else { 0 }
    }

    fn size(&self) -> u32 {
        if let Role::Rank { size, .. } = self.role { size } else { 1 }
    }

    fn send(
        &self,
        destination: u32,
        tag: u32,
        message: Vec<u8>,
        patience: &Patience<'_>,
    ) -> Result<(), Over> {
        let bytes = message.len() as u64;
        let message = {
            let mut last = self.last_held.lock();
            let held = self.point.hold_again(message, INLINE_BYTES_MAX, *last);
            let message = held.map_err(|_| Over::unreachable())?;
            if let Payload::Blob { id, .. } = message {
                *last = Some(id);
            }
            message
        };
        // Each rank has an inbox of its own, so what others were sent says nothing of its room.
        let confirm = {
            let mut unconfirmed = self.unconfirmed.lock();
            let (count, sum) = unconfirmed.entry(destination).or_default();
            *count += 1;
            *sum += bytes;
            let confirm = *count >= SENDS_UNCONFIRMED_MAX || *sum >= SENT_UNCONFIRMED_MAX;
            if confirm {
                unconfirmed.remove(&destination);
            }
            confirm
        };
        let question = Question::Send { destination, tag, message, confirm };
        if !confirm {
            self.tell(question);
            return Ok(());
        }
        self.wait_for(question, patience).map(drop)
    }

    fn receive(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Message, Over> {
        let answer = self.wait_for(Question::Receive { source, tag }, patience)?;
        self.message(answer, patience)?.ok_or_else(Over::unreachable)
    }

    fn poll(
        &self,
        source: Option<u32>,
        tag: Option<u32>,
        patience: &Patience<'_>,
    ) -> Result<Option<Message>, Over> {
        let answer = self.wait_for(Question::Poll { source, tag }, patience)?;
        self.message(answer, patience)
    }
}

#[cfg(test)]
mod tests {
    use spm_protocol::frame::{Frame, HubWork};

    use super::super::point::tests::point_run;
    use super::*;
    use crate::sandbox::{Stop, StopCause};

    fn channel(point: &Arc<PointRun>, role: Role) -> Option<Arc<TaskChannel>> {
        TaskChannel::new(point, TaskId(1), 1, role, Handle::current())
    }

    #[tokio::test]
    async fn a_task_waits_for_the_answer_to_its_own_question() {
        let (point, mut ends) = point_run();
        let asker = channel(&point, Role::Asker).unwrap();
        let waiting = tokio::task::spawn_blocking(move || {
            let stop = StopCause::new();
            asker.ask(vec![1], &Patience::new(&stop, None))
        });
        let frame = HostWork::from_bytes(&ends.work.receiver.recv().await.unwrap()).unwrap();
        let question = Question::Ask(Payload::Inline(vec![1]));
        let (id, attempt) = (TaskId(1), 1);
        assert_eq!(frame, HostWork::Asked { point: point.point, id, attempt, number: 1, question });
        // Answers to other tasks, attempts and questions are nobody's.
        point.reply(TaskId(2), 1, 1, Answer::Nothing);
        point.reply(id, 2, 1, Answer::Nothing);
        point.reply(id, 1, 9, Answer::Nothing);
        point.reply(id, 1, 1, Answer::Value(Payload::Inline(vec![2])));
        assert_eq!(waiting.await.unwrap(), Ok(vec![2]));
        assert!(point.asking.lock().is_empty());
        let answered = HubWork::Answered {
            point: point.point,
            id,
            attempt,
            number: 1,
            answer: Answer::Nothing,
        };
        assert_eq!(HubWork::from_bytes(&answered.to_bytes()).unwrap(), answered);
    }

    #[tokio::test]
    async fn a_task_that_is_stopped_waits_no_longer() {
        let (point, _ends) = point_run();
        let asker = channel(&point, Role::Asker).unwrap();
        let stop = StopCause::new();
        stop.stop(Stop::Abandoned);
        assert!(asker.ask(vec![1], &Patience::new(&stop, None)).is_err());
        assert!(
            asker
                .receive(None, None, &Patience::new(&StopCause::new(), Some(Instant::now())))
                .is_err()
        );
    }

    #[tokio::test]
    async fn the_bound_only_falls_and_is_told_when_it_does() {
        let (point, mut ends) = point_run();
        let branch = channel(&point, Role::Branch).unwrap();
        assert!(branch.bound().is_infinite());
        branch.improve(3.0);
        branch.improve(4.0);
        branch.improve(f64::NAN);
        assert!((branch.bound() - 3.0).abs() < f64::EPSILON);
        assert!(ends.work.receiver.try_recv().is_ok());
        assert!(ends.work.receiver.try_recv().is_err());
    }

    #[tokio::test]
    async fn what_a_task_spawns_has_a_limit() {
        let (point, _ends) = point_run();
        let branch = channel(&point, Role::Branch).unwrap();
        assert!(branch.take_spawned().is_none());
        branch.spawn(vec![0x80], 1.5).unwrap();
        let spawned = branch.take_spawned().unwrap();
        assert_eq!(spawned, [Spawned { priority: 1.5f64.to_bits(), arguments: vec![0x80] }]);
        branch.spawn(vec![0; VALUE_BYTES_MAX - 1], 0.0).unwrap();
        assert!(branch.spawn(vec![0], 0.0).is_err());
    }

    #[tokio::test]
    async fn each_receiver_is_asked_for_room_whoever_else_was_sent_something() {
        let (point, mut ends) = point_run();
        let rank = channel(&point, Role::Rank { rank: 0, size: 3, here: 3 }).unwrap();
        let stop = StopCause::new();
        // Nobody answers here, so the one that waits for room gives up at once.
        let (calm, hasty) =
            (Patience::new(&stop, None), Patience::new(&stop, Some(Instant::now())));
        for count in 1..SENDS_UNCONFIRMED_MAX {
            rank.send(1, 0, vec![1], &calm).unwrap();
            if count % 2 == 0 {
                rank.send(2, 0, vec![1], &calm).unwrap();
            }
        }
        assert!(rank.send(1, 0, vec![1], &hasty).is_err());
        let mut confirmed = Vec::new();
        while let Ok(frame) = ends.work.receiver.try_recv() {
            let HostWork::Asked { question: Question::Send { destination, confirm, .. }, .. } =
                HostWork::from_bytes(&frame).unwrap()
            else {
                panic!("no message")
            };
            if confirm {
                confirmed.push(destination);
            }
        }
        assert_eq!(confirmed, [1]);
        // Bytes count, too: what is too large for a frame as well.
        rank.send(2, 0, vec![0; MIB / 2], &calm).unwrap();
        assert!(rank.send(2, 0, vec![0; MIB / 2], &hasty).is_err());
    }

    #[tokio::test]
    async fn independent_tasks_have_nobody_to_talk_to() {
        let (point, _ends) = point_run();
        assert!(channel(&point, Role::Independent).is_none());
    }
}
