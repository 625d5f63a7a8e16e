//! A universe's session for building and measuring. Cannot be built from a [`crate::pg::Source`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Statement;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{Parameters, Session};
use crate::traits::ForkBackend;
use crate::types::{Isolation, Universe};

/// Owns a session on a universe.
#[derive(Debug)]
pub struct Lab {
    session: Session,
    scheduler: Option<PathBuf>,
    own_server: bool,
}

/// Time of a process on a processor, and in the queue for one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scheduled {
    pub(super) running: Duration,
    pub(super) queued: Duration,
}

impl Scheduled {
    /// Of a server process, whose waits are added to those of the calling thread.
    fn of(server: &Path) -> Option<Self> {
        let (server, own) = (Self::read(server)?, Self::read(Path::new("/proc/thread-self/schedstat"))?);
        Some(Self { running: server.running, queued: server.queued + own.queued })
    }

    /// The first two numbers of a schedstat file (proc(5)): nanoseconds on a processor, and in its queue.
    fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut numbers = text.split_whitespace().map_while(|n| n.parse().ok().map(Duration::from_nanos));
        Some(Self { running: numbers.next()?, queued: numbers.next()? })
    }

    /// What was added since.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            running: self.running.saturating_sub(before.running),
            queued: self.queued.saturating_sub(before.queued),
        }
    }
}

/// Works in a lab on a new fork, which is destroyed before this returns, whatever happens.
///
/// # Errors
/// What the work and the fork backend say.
pub(crate) async fn on_fork<T, F>(
    cx: &Context,
    backend: &dyn ForkBackend,
    work: impl FnOnce(Lab) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    backend.prepare(cx).await?;
    let universe = backend.fork(cx).await?;
    let done = async { work(Lab::open(cx, backend, &universe).await?).await }.await;
    let destroyed = backend.destroy(&cx.for_cleanup(), &universe.id).await;
    done.and_then(|done| destroyed.map(|()| done))
}

impl Lab {
    /// Opens a session on a universe of this backend.
    pub async fn open(cx: &Context, backend: &dyn ForkBackend, universe: &Universe) -> Result<Self> {
        let dsn = backend.dsn(cx, &universe.id).await?;
        let capability = backend.capability();
        let session = Session::connect_on_own_thread(cx, &dsn, "lab").await?;
        // Each execution is planned for its own values, as the first executions of a prepared statement are;
        // otherwise the arm that happens to run sixth would be measured with a generic plan.
        session.batch(cx, "SET plan_cache_mode TO force_custom_plan").await?;
        let clock = PathBuf::from(format!("/proc/{}/schedstat", session.backend_pid()));
        Ok(Self {
            session,
            scheduler: (capability.same_machine && clock.exists()).then_some(clock),
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

    /// Starts the log anew, where the role may: a checkpoint that falls into a measurement makes the log of what
    /// follows 10 to 33 times as long, since the first change of each page then writes the whole page.
    pub(crate) async fn checkpoint(&self, cx: &Context) -> Result<bool> {
        match self.session.batch(cx, "CHECKPOINT").await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Permission => {
                tracing::debug!("the role may not force a checkpoint");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Bytes of write-ahead log so far.
    pub(crate) async fn wal_position(&self, cx: &Context) -> Result<u64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint::text";
        let text = self.session.text(cx, sql, &[]).await?;
        text.parse().map_err(|e| Error::internal("a log position is not a number").caused_by(e))
    }

    /// Times a statement, and what the server process had of a processor meanwhile and how long it and the thread that
    /// talks to it waited for one, where the kernel tells.
    pub(super) async fn time(
        &self,
        cx: &Context,
        prepared: Option<&Statement>,
        sql: &str,
        values: &Parameters,
    ) -> Result<(Duration, Option<Scheduled>)> {
        let server = self.scheduler.clone();
        let read = move || Scheduled::of(server.as_deref()?);
        let timed = self.session.timed(cx, prepared, sql, values, read).await?;
        Ok((timed.wall, timed.after.zip(timed.before).map(|(after, before)| after.since(before))))
    }

    /// Whether the kernel tells how long the server process waits for a processor.
    pub(super) fn knows_waits(&self) -> bool {
        self.scheduler.is_some()
    }
}
