//! A second session watches the first: whom it waits for, and who waits for it.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::Policy;
use super::target::Target;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sessions whose lock request waits behind ours are counted from `pg_locks.waitstart`; autovacuum is not: it yields.
const LOOK: &str = "SELECT a.wait_event_type = 'Lock' AS waits, \
    p.phase, \
    (SELECT string_agg(format('%s (%s, transaction since %s: %s)', b.pid, b.usename, b.xact_start, left(b.query, 80)), '; ') \
       FROM pg_stat_activity b WHERE a.wait_event_type = 'Lock' AND b.pid = ANY (pg_blocking_pids(a.pid)) \
         AND b.pid <> pg_backend_pid()) AS blockers, \
    (SELECT max(extract(epoch FROM clock_timestamp() - l.waitstart))::float8 \
       FROM pg_locks l JOIN pg_stat_activity w ON w.pid = l.pid \
       WHERE NOT l.granted AND l.pid <> a.pid AND w.backend_type = 'client backend' \
         AND a.pid = ANY (pg_blocking_pids(l.pid))) AS blocked \
    FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p ON p.pid = a.pid WHERE a.pid = $1::int4";

/// What one look saw.
#[derive(Debug, Default)]
struct Seen {
    waits: bool,
    phase: Option<String>,
    blockers: String,
    blocked_seconds: f64,
}

/// Awaits work of the working session, and has it cancelled as soon as others wait for it too long or it waits for
/// others too long: `Busy` then.
pub(super) async fn watched<T>(
    cx: &Context,
    target: &Target,
    policy: &Policy,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    let mut waits_since: Option<Instant> = None;
    let mut phase: Option<String> = None;
    let mut stopped: Option<Error> = None;
    loop {
        tokio::select! {
            biased;
            result = &mut work => return match (result, stopped) {
                (Err(error), Some(stopped)) if error.kind() == ErrorKind::Timeout => Err(stopped),
                (result, _) => result,
            },
            () = tokio::time::sleep(INTERVAL) => {}
        }
        // A watchdog that cannot see must not let the work go on unseen; a connection that broke for both ends it.
        let seen = match look(&cx.for_cleanup(), target).await {
            Ok(seen) => seen,
            Err(error) if stopped.is_none() => {
                let _ = tokio::time::timeout(Duration::from_secs(5), &mut work).await;
                return Err(error.with("while", "watching the promotion"));
            }
            Err(_) => continue,
        };
        if seen.phase.is_some() && seen.phase != phase {
            phase.clone_from(&seen.phase);
            let blockers =
                if seen.blockers.is_empty() { String::new() } else { format!(": {}", seen.blockers) };
            policy.notice.say(format!("  {}{blockers}", phase.as_deref().unwrap_or_default()));
        }
        waits_since = if seen.waits { waits_since.or_else(|| Some(Instant::now())) } else { None };
        let waits_too_long = waits_since.is_some_and(|since| since.elapsed() > policy.max_wait);
        let blocks_too_long = seen.blocked_seconds > policy.max_block.as_secs_f64();
        if stopped.is_none() && blocks_too_long {
            stopped = Some(Error::new(
                ErrorKind::Busy,
                "stepped back, because other sessions began to wait for it",
            ));
        } else if stopped.is_none() && waits_too_long {
            let limit = humantime::format_duration(policy.max_wait).to_string();
            stopped = Some(
                Error::new(ErrorKind::Busy, format!("waited {limit} for older transactions"))
                    .with("waited for", seen.blockers),
            );
        }
        if stopped.is_some() {
            cancel(&cx.for_cleanup(), target).await;
        }
    }
}

async fn look(cx: &Context, target: &Target) -> Result<Seen> {
    let pid = target.work.backend_pid().to_string();
    let rows = target.watch.rows(cx, LOOK, &[Some(pid)]).await?;
    let Some(row) = rows.first() else { return Ok(Seen::default()) };
    let unreadable = |e| Error::internal("the server's activity cannot be read").caused_by(e);
    Ok(Seen {
        waits: row.try_get::<_, Option<bool>>("waits").map_err(unreadable)?.unwrap_or(false),
        phase: row.try_get("phase").map_err(unreadable)?,
        blockers: row.try_get::<_, Option<String>>("blockers").map_err(unreadable)?.unwrap_or_default(),
        blocked_seconds: row.try_get::<_, Option<f64>>("blocked").map_err(unreadable)?.unwrap_or(0.0),
    })
}

async fn cancel(cx: &Context, target: &Target) {
    let sql = "SELECT pg_cancel_backend($1::int4)";
    if let Err(error) = target.watch.rows(cx, sql, &[Some(target.work.backend_pid().to_string())]).await {
        tracing::debug!(%error, "the work could not be cancelled");
    }
}
