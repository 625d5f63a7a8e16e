//! What every call carries: cancellation, deadline, seed, events. A new cross-cutting concern is a field here.

use std::future::Future;
use std::time::{Duration, Instant};

pub use crate::meter::{Meter, Phase};

use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventLog};

/// Cheap to clone; handed to every call that can take time.
#[derive(Debug, Clone)]
pub struct Context {
    cancel: CancellationToken,
    deadline: Option<Instant>,
    seed: u64,
    events: EventLog,
    meter: Meter,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            cancel: CancellationToken::new(),
            deadline: None,
            seed: 0,
            events: EventLog::default(),
            meter: Meter::default(),
        }
    }
}

impl Context {
    /// A context without deadline, with seed 0 and an event log of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a deadline from now.
    #[must_use]
    pub fn with_deadline(mut self, after: Duration) -> Self {
        self.deadline = Instant::now().checked_add(after);
        self
    }

    /// The same with the seed that every random order is derived from.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same with this event log.
    #[must_use]
    pub fn with_events(mut self, events: EventLog) -> Self {
        self.events = events;
        self
    }

    /// A context for clean-up: not cancelled, no deadline, same events. Clean-up must run to its end also
    /// when the work was cancelled.
    #[must_use]
    pub fn for_cleanup(&self) -> Self {
        Self {
            cancel: CancellationToken::new(),
            deadline: None,
            seed: self.seed,
            events: self.events.clone(),
            meter: self.meter.clone(),
        }
    }

    /// The same with a cancellation of its own: cancelled with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { cancel: self.cancel.child_token(), ..self.clone() }
    }

    /// The token that cancels everything that carries this context.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }

    /// The seed of this run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Time left before the deadline, if there is one.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The event log of this run.
    pub fn events(&self) -> &EventLog {
        &self.events
    }

    /// Where the time of this run goes.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Records an event; never blocks and never fails.
    pub fn emit(&self, event: Event) {
        self.events.push(event);
    }

    /// An error if the run was cancelled or its deadline has passed.
    pub fn check(&self) -> Result<()> {
        self.check_cancelled()?;
        if self.is_late() { Err(timed_out()) } else { Ok(()) }
    }

    /// Whether this error is that a statement ran into a time-out of its own, and not that the run has come to its end.
    pub(crate) fn statement_timed_out(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Timeout && self.check().is_ok()
    }

    /// An error if the run was cancelled, whatever the deadline.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// Whether the deadline has passed.
    pub fn is_late(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }

    /// Awaits `future`, but not beyond cancellation or the deadline. The future is dropped then; whoever
    /// owns resources cleans up under [`Context::for_cleanup`].
    pub async fn guard<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.check()?;
        let limit = async {
            match self.deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(cancelled()),
            () = limit => Err(timed_out()),
            result = future => result,
        }
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the run was cancelled")
}

fn timed_out() -> Error {
    Error::new(ErrorKind::Timeout, "the deadline of the run has passed")
        .hint("give it more time with --deadline")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_cancelled_alone_or_with_its_parent() {
        let cx = Context::new();
        let (one, two) = (cx.child(), cx.child());
        one.cancellation().cancel();
        assert!(one.check().is_err() && two.check().is_ok() && cx.check().is_ok());
        cx.cancellation().cancel();
        assert!(two.check().is_err());
    }

    #[tokio::test]
    async fn guard_stops_on_cancel_and_on_deadline() {
        let cx = Context::new();
        cx.cancellation().cancel();
        let error = cx.guard(std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(cx.for_cleanup().check().is_ok());

        let cx = Context::new().with_deadline(Duration::ZERO);
        let error = cx.guard(std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(cx.is_late() && cx.check_cancelled().is_ok());
    }
}
