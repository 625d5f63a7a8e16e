//! Where the wall time of a run goes: for each phase, the time during which at least one task was in it.

use std::sync::{Arc, Mutex, PoisonError};
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

/// Counts the union of busy intervals of each phase. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    phases: Arc<[Mutex<Busy>; 4]>,
}

#[derive(Debug, Default)]
struct Busy {
    tasks: usize,
    since: Option<Instant>,
    total: Duration,
}

impl Meter {
    /// Marks one task as busy until the guard is dropped.
    #[must_use = "the phase ends when the guard is dropped"]
    pub fn enter(&self, phase: Phase) -> PhaseGuard {
        let mut busy = self.lock(phase);
        busy.tasks += 1;
        if busy.tasks == 1 {
            busy.since = Some(Instant::now());
        }
        drop(busy);
        PhaseGuard { meter: self.clone(), phase }
    }

    /// Time so far during which at least one task was in this phase.
    pub fn total(&self, phase: Phase) -> Duration {
        let busy = self.lock(phase);
        busy.total + busy.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lock(&self, phase: Phase) -> std::sync::MutexGuard<'_, Busy> {
        self.phases[phase as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a task's share of a phase when dropped.
#[derive(Debug)]
pub struct PhaseGuard {
    meter: Meter,
    phase: Phase,
}

impl Drop for PhaseGuard {
    fn drop(&mut self) {
        let mut busy = self.meter.lock(self.phase);
        busy.tasks -= 1;
        if busy.tasks == 0
            && let Some(since) = busy.since.take()
        {
            busy.total += since.elapsed();
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
        assert!(meter.lock(Phase::Postgres).since.is_some());
        drop(inner);
        assert!(meter.lock(Phase::Postgres).since.is_none());
        assert_eq!(meter.total(Phase::Measuring), Duration::ZERO);
    }
}
