//! Locks: the one that keeps two promoters apart, and the pauses between attempts at those of tables.

use std::time::{Duration, Instant};

use super::Policy;
use super::target::Target;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};

/// First key of the advisory lock: `pgve` in ASCII.
const CLASS: i32 = 0x7067_7665;

/// How long the session of a promoter that died may take to notice it.
const FAREWELL: Duration = Duration::from_secs(15);

/// Takes the lock of this database for the life of the session.
pub(super) async fn acquire(cx: &Context, target: &Target) -> Result<()> {
    let begin = Instant::now();
    let sql = format!("SELECT pg_try_advisory_lock({CLASS}, 1)::text");
    loop {
        if target.work.text(cx, &sql, &[]).await? == "true" {
            return assert_held(cx, target).await;
        }
        // Another promoter may be alive and well, or its session still be at what a killed one began.
        let holder = holder(cx, target).await?;
        if begin.elapsed() > FAREWELL || holder.as_ref().is_some_and(|h| h.idle) {
            let who = holder.map(|h| h.who).unwrap_or_default();
            return Err(Error::new(ErrorKind::Busy, "another promoter is at work in this database")
                .with("its session", who)
                .hint("wait until it has ended; if its command was killed, end its session with pg_terminate_backend"));
        }
        cx.guard(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        })
        .await?;
    }
}

struct Holder {
    who: String,
    /// Between two statements: its client is there.
    idle: bool,
}

async fn holder(cx: &Context, target: &Target) -> Result<Option<Holder>> {
    let sql = format!(
        "SELECT format('%s of %s since %s', l.pid, coalesce(a.usename, '?'), a.backend_start), a.state = 'idle' \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = {CLASS} AND l.objid::bigint = 1 AND l.objsubid = 2 \
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    let rows = target.work.rows(cx, &sql, &[]).await?;
    Ok(rows.first().map(|row| Holder {
        who: row.try_get(0).unwrap_or_default(),
        idle: row.try_get::<_, Option<bool>>(1).ok().flatten().unwrap_or(false),
    }))
}

/// Fails unless this very session holds the lock, which a pooler that hands out another session for each transaction
/// silently breaks.
pub(super) async fn assert_held(cx: &Context, target: &Target) -> Result<()> {
    let sql = format!(
        "SELECT (pg_backend_pid() = $1::int4 AND EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND pid = pg_backend_pid() AND classid::bigint = {CLASS} AND objid::bigint = 1 AND objsubid = 2))::text"
    );
    let pid = target.work.backend_pid().to_string();
    if target.work.text(cx, &sql, &[Some(pid)]).await? == "true" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "the promoter's session was exchanged for another one")
        .hint("a pooler in transaction mode stands between; connect to the server itself"))
}

/// Attempts at one action, with pauses that grow.
pub(super) struct Attempts<'a> {
    policy: &'a Policy,
    begin: Instant,
    pause: Duration,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(policy: &'a Policy) -> Self {
        Self { policy, begin: Instant::now(), pause: Duration::from_millis(100) }
    }

    /// Waits before the next attempt; returns the error of the last one if patience has run out.
    pub(super) async fn again(&mut self, cx: &Context, error: Error) -> Result<()> {
        if self.begin.elapsed() + self.pause > self.policy.patience {
            return Err(error.hint("try again when the database is quieter, or with more patience"));
        }
        self.policy.notice.say(format!("  busy, next attempt in {} ms: {error}", self.pause.as_millis()));
        let pause = self.pause;
        self.pause = (self.pause * 2).min(self.policy.longest_pause);
        cx.guard(async {
            tokio::time::sleep(pause).await;
            Ok(())
        })
        .await
    }
}
