//! Where the wall time of a run goes: for each phase, the time during which at least one task was in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a run can be busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Making forks.
    Forking,
    /// Building candidates.
    Building,
    /// Holding the timing slot.
    Measuring,
    /// Waiting for a PostgreSQL server to answer.
    Postgres,
}

/// Time during which at least one of several is busy: the union of their intervals. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy(Arc<Mutex<Count>>);

#[derive(Debug, Default)]
struct Count {
    tasks: usize,
    since: Option<Instant>,
    total: Duration,
}

impl Busy {
    /// One more, until the guard is dropped.
    #[must_use = "the time ends when the guard is dropped"]
    pub(crate) fn enter(&self) -> PhaseGuard {
        let mut count = self.lock();
        count.tasks += 1;
        count.since.get_or_insert_with(Instant::now);
        drop(count);
        PhaseGuard(self.clone())
    }

    /// The time so far.
    pub(crate) fn total(&self) -> Duration {
        let count = self.lock();
        count.total + count.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the union of busy intervals of each phase. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    phases: Arc<[Busy; 4]>,
}

impl Meter {
    /// Marks one task as busy until the guard is dropped.
    #[must_use = "the phase ends when the guard is dropped"]
    pub fn enter(&self, phase: Phase) -> PhaseGuard {
        self.phases[phase as usize].enter()
    }

    /// Time so far during which at least one task was in this phase.
    pub fn total(&self, phase: Phase) -> Duration {
        self.phases[phase as usize].total()
    }
}

/// Ends a task's share of a phase when dropped.
#[derive(Debug)]
pub struct PhaseGuard(Busy);

impl Drop for PhaseGuard {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        count.tasks -= 1;
        if count.tasks == 0
            && let Some(since) = count.since.take()
        {
            count.total += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_tasks_count_once() {
        let meter = Meter::default();
        let outer = meter.enter(Phase::Postgres);
        let inner = meter.enter(Phase::Postgres);
        drop(outer);
        assert!(meter.phases[Phase::Postgres as usize].lock().since.is_some());
        drop(inner);
        assert!(meter.phases[Phase::Postgres as usize].lock().since.is_none());
        assert_eq!(meter.total(Phase::Measuring), Duration::ZERO);
    }
}
