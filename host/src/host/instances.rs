//! The instances that a slot keeps from one task of a closure to the next.

use parking_lot::Mutex;
use spm_protocol::Point;

use super::point::PointRun;
use crate::sandbox::Kept;

/// Instances of one slot. A run alternates between a few closures at most.
const INSTANCES_MAX: usize = 8;

/// What a slot keeps, those used longest ago first.
pub(super) struct Instances {
    kept: Mutex<Vec<Instance>>,
    bytes_max: u64,
}

struct Instance {
    session: u64,
    point: Point,
    closure: u32,
    kept: Kept,
}

impl Instances {
    /// At most `bytes_max` of memory, the running task's included.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { kept: Mutex::default(), bytes_max }
    }

    /// Takes the instance of a closure, if there is one, and makes room for what its task may use.
    pub(super) fn take(&self, point: &PointRun, closure: u32, task_bytes: usize) -> Option<Kept> {
        let mut kept = self.kept.lock();
        let found = kept.iter().position(|instance| {
            instance.session == point.session.key
                && instance.point == point.point
                && instance.closure == closure
        });
        let found = found.map(|index| kept.remove(index).kept);
        let surplus = surplus(&mut kept, INSTANCES_MAX, self.bytes_max, task_bytes as u64);
        drop(kept);
        drop(surplus);
        found
    }

    /// Keeps an instance, unless its point is over.
    pub(super) fn put(&self, point: &PointRun, closure: u32, instance: Kept) {
        let mut kept = self.kept.lock();
        // Whoever abandons a point marks it first and drops its instances then; this looks in the other order.
        let surplus = if point.is_abandoned() {
            drop(kept);
            vec![instance]
        } else {
            let (session, point) = (point.session.key, point.point);
            kept.push(Instance { session, point, closure, kept: instance });
            let surplus = surplus(&mut kept, INSTANCES_MAX, self.bytes_max, 0);
            drop(kept);
            surplus
        };
        drop(surplus);
    }

    /// Makes all instances ready for their next tasks.
    pub(super) fn make_ready(&self) {
        let mut kept = self.kept.lock();
        // The one used last is the one that is not.
        let Some(Instance { session, point, closure, kept: instance }) = kept.pop() else { return };
        if let Some(instance) = instance.ready() {
            kept.push(Instance { session, point, closure, kept: instance });
        }
    }

    /// Drops the instances of a point.
    pub(super) fn drop_of(&self, session: u64, point: Point) {
        let mut kept = self.kept.lock();
        let is_over =
            |instance: &mut Instance| instance.session == session && instance.point == point;
        let over: Vec<Instance> = kept.extract_if(.., is_over).collect();
        drop(kept);
        drop(over);
    }
}

/// Takes out what is over a limit, so that `more` bytes have room.
fn surplus(kept: &mut Vec<Instance>, count_max: usize, bytes_max: u64, more: u64) -> Vec<Kept> {
    let mut bytes = kept.iter().map(|instance| instance.kept.bytes() as u64).sum::<u64>() + more;
    let mut surplus = Vec::new();
    while !kept.is_empty() && (kept.len() > count_max || bytes > bytes_max) {
        let oldest = kept.remove(0).kept;
        bytes -= oldest.bytes() as u64;
        surplus.push(oldest);
    }
    surplus
}
