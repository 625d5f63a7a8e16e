//! A universe's session for building and measuring. Cannot be built from a [`crate::pg::Source`].

use std::path::PathBuf;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Session;
use crate::traits::ForkBackend;
use crate::types::{Isolation, Universe};

/// Owns a session on a universe.
#[derive(Debug)]
pub struct Lab {
    session: Session,
    cpu_clock: Option<PathBuf>,
    own_server: bool,
}

impl Lab {
    /// Opens a session on a universe of this backend.
    pub async fn open(cx: &Context, backend: &dyn ForkBackend, universe: &Universe) -> Result<Self> {
        let dsn = backend.dsn(cx, &universe.id).await?;
        let capability = backend.capability();
        let session = Session::connect(cx, &dsn, "lab").await?;
        // Each execution is planned for its own values, as the first executions of a prepared statement are;
        // otherwise the arm that happens to run sixth would be measured with a generic plan.
        session.batch(cx, "SET plan_cache_mode TO force_custom_plan").await?;
        let clock = PathBuf::from(format!("/proc/{}/schedstat", session.backend_pid()));
        Ok(Self {
            session,
            cpu_clock: (capability.same_machine && clock.exists()).then_some(clock),
            own_server: capability.isolation == Isolation::OwnServer,
        })
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether nobody else writes to this server's log.
    pub(crate) fn own_server(&self) -> bool {
        self.own_server
    }

    /// Bytes of write-ahead log so far.
    pub(crate) async fn wal_position(&self, cx: &Context) -> Result<u64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint::text";
        let text = self.session.text(cx, sql, &[]).await?;
        text.parse().map_err(|e| Error::internal("a log position is not a number").caused_by(e))
    }

    /// Nanoseconds of processor time of the server process so far, where the kernel tells (schedstat).
    pub(super) fn cpu_nanoseconds(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.cpu_clock.as_ref()?).ok()?;
        text.split_whitespace().next()?.parse().ok()
    }
}
