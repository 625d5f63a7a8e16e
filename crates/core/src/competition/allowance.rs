//! The time that an agent has. What it waits for others, who are timed or build meanwhile, is not its own.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::meter::Busy;

/// The share that an agent is not told of: what it began shortly before may then still end.
const KEPT_BACK: f64 = 0.15;

/// Runs from its making on.
#[derive(Debug)]
pub(super) struct Allowance {
    begin: Instant,
    whole: Duration,
    waits: Busy,
}

impl Allowance {
    pub(super) fn new(seconds: f64) -> Self {
        Self { begin: Instant::now(), whole: Duration::from_secs_f64(seconds), waits: Busy::default() }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        (self.whole + self.waited()).saturating_sub(self.begin.elapsed())
    }

    /// The seconds that an agent is told are left.
    pub(super) fn told(&self) -> f64 {
        (self.left().as_secs_f64() - self.whole.as_secs_f64() * KEPT_BACK).max(0.0)
    }

    /// Waits, and does not count it; a wait that is given up ends too.
    pub(super) async fn waiting<F: Future>(&self, future: F) -> F::Output {
        let _wait = self.waits.enter();
        future.await
    }

    fn waited(&self) -> Duration {
        self.waits.total()
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
