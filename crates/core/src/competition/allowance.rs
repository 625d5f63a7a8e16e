//! The time that an agent has. What it waits for others, who are timed or build meanwhile, is not its own.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The share that an agent is not told of: what it began shortly before may then still end.
const KEPT_BACK: f64 = 0.15;

/// Runs from its making on.
#[derive(Debug)]
pub(super) struct Allowance {
    begin: Instant,
    whole: Duration,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    over: Duration,
    /// Waits that go on, and since when.
    open: usize,
    since: Option<Instant>,
}

impl Allowance {
    pub(super) fn new(seconds: f64) -> Self {
        Self {
            begin: Instant::now(),
            whole: Duration::from_secs_f64(seconds),
            waits: Mutex::new(Waits::default()),
        }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        (self.whole + self.waited()).saturating_sub(self.begin.elapsed())
    }

    /// The seconds that an agent is told are left.
    pub(super) fn told(&self) -> f64 {
        (self.left().as_secs_f64() - self.whole.as_secs_f64() * KEPT_BACK).max(0.0)
    }

    /// Waits, and does not count it.
    pub(super) async fn waiting<F: Future>(&self, future: F) -> F::Output {
        let _open = Open::new(self);
        future.await
    }

    fn waited(&self) -> Duration {
        let waits = self.waits();
        waits.over + waits.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn waits(&self) -> std::sync::MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that goes on; one that is given up ends too.
struct Open<'a>(&'a Allowance);

impl<'a> Open<'a> {
    fn new(allowance: &'a Allowance) -> Self {
        let mut waits = allowance.waits();
        waits.open += 1;
        waits.since.get_or_insert_with(Instant::now);
        drop(waits);
        Self(allowance)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.waits();
        waits.open -= 1;
        if waits.open == 0
            && let Some(since) = waits.since.take()
        {
            waits.over += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_do_not_count() {
        let allowance = Allowance::new(1000.0);
        let elapsed = allowance.begin.elapsed();
        assert!(allowance.left() <= Duration::from_secs(1000) - elapsed);
        assert!(allowance.told() <= 850.0);
        let pause = Duration::from_millis(30);
        let both =
            async { tokio::join!(allowance.waiting(tokio::time::sleep(pause)), allowance.waiting(async {})) };
        both.await;
        let waited = allowance.waited();
        assert!(waited >= pause && waited <= allowance.begin.elapsed(), "{waited:?}");
        // A wait that is given up is over.
        let _ = tokio::time::timeout(pause, allowance.waiting(std::future::pending::<()>())).await;
        let waited = allowance.waited();
        assert!(waited >= 2 * pause, "{waited:?}");
        assert_eq!(allowance.waited(), waited);
    }
}
