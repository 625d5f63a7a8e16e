//! A universe's session for building and measuring. Cannot be built from a [`crate::pg::Source`].

use std::path::PathBuf;

use crate::context::Context;
use crate::error::Result;
use crate::pg::{Dsn, Session};
use crate::traits::ForkBackend;
use crate::types::Universe;

/// Owns a session on a universe.
#[derive(Debug)]
pub struct Lab {
    session: Session,
    cpu_clock: Option<PathBuf>,
}

impl Lab {
    /// Opens a session on a universe of this backend.
    pub async fn open(cx: &Context, backend: &dyn ForkBackend, universe: &Universe) -> Result<Self> {
        let dsn = backend.dsn(cx, &universe.id).await?;
        Self::on(cx, &dsn, backend.capability().same_machine).await
    }

    /// Opens a session on a fork's connection string.
    async fn on(cx: &Context, dsn: &Dsn, same_machine: bool) -> Result<Self> {
        let session = Session::connect(cx, dsn, "lab").await?;
        // Each execution is planned for its own values, as the first executions of a prepared statement are;
        // otherwise the arm that happens to run sixth would be measured with a generic plan.
        session.batch(cx, "SET plan_cache_mode TO force_custom_plan").await?;
        let clock = PathBuf::from(format!("/proc/{}/schedstat", session.backend_pid()));
        Ok(Self { session, cpu_clock: (same_machine && clock.exists()).then_some(clock) })
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Nanoseconds of processor time of the server process so far, where the kernel tells (schedstat).
    pub(super) fn cpu_nanoseconds(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.cpu_clock.as_ref()?).ok()?;
        text.split_whitespace().next()?.parse().ok()
    }
}
