//! The refresh schedule of a materialized view: a job of pg_cron where the target has it, else words for the user.

use crate::context::Context;
use crate::error::Result;
use crate::pg::Session;
use crate::pg::quote::qualified;
use crate::types::Refresh;

/// What keeps a view fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Name of the job.
    pub(super) job: String,
    /// When, as pg_cron reads it; absent if pg_cron cannot run it as often as needed.
    pub(super) when: Option<String>,
    /// What.
    pub(super) command: String,
}

impl Schedule {
    /// `seconds_too`: whether this pg_cron knows intervals in seconds (1.5 and later).
    pub(super) fn of(schema: &str, name: &str, refresh: &Refresh, seconds_too: bool) -> Self {
        let concurrently = if refresh.concurrently { "CONCURRENTLY " } else { "" };
        let view = qualified(schema, name);
        Self {
            job: format!("pgverse refresh {view}"),
            when: when(refresh.every_seconds, seconds_too),
            command: format!("REFRESH MATERIALIZED VIEW {concurrently}{view}"),
        }
    }
}

/// The rarest schedule that keeps answers younger than this.
fn when(seconds: f64, seconds_too: bool) -> Option<String> {
    const HOURS: [u32; 8] = [1, 2, 3, 4, 6, 8, 12, 24];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Not negative, and bounded below.
    let seconds = seconds.clamp(0.0, 1e9) as u32;
    let dividing = |most: u32| (1..=most).rev().find(|n| 60 % n == 0).unwrap_or(1);
    match seconds {
        0 => None,
        1..60 if seconds_too => Some(format!("{seconds} seconds")),
        1..60 => None,
        60..3600 => Some(format!("*/{} * * * *", dividing((seconds / 60).min(30)))),
        _ => {
            let hours = HOURS.iter().rev().find(|h| **h <= seconds / 3600).copied().unwrap_or(1);
            Some(if hours == 24 { "0 0 * * *".to_owned() } else { format!("0 */{hours} * * *") })
        }
    }
}

/// Whether this database has pg_cron, and whether it knows seconds.
pub(super) async fn cron(cx: &Context, session: &Session) -> Result<Option<bool>> {
    let sql = "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'";
    let rows = session.rows(cx, sql, &[]).await?;
    Ok(rows.first().map(|row| seconds_too(row.try_get(0).unwrap_or_default())))
}

pub(super) fn seconds_too(version: &str) -> bool {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_never_rarer_than_asked() {
        assert_eq!(when(30.0, true).as_deref(), Some("30 seconds"));
        assert_eq!(when(30.0, false), None);
        assert_eq!(when(0.5, true), None);
        assert_eq!(when(60.0, false).as_deref(), Some("*/1 * * * *"));
        assert_eq!(when(300.0, false).as_deref(), Some("*/5 * * * *"));
        assert_eq!(when(540.0, false).as_deref(), Some("*/6 * * * *"));
        assert_eq!(when(3000.0, false).as_deref(), Some("*/30 * * * *"));
        assert_eq!(when(18_000.0, false).as_deref(), Some("0 */4 * * *"));
        assert_eq!(when(1e12, false).as_deref(), Some("0 0 * * *"));
        assert!(seconds_too("1.6") && seconds_too("2.0") && !seconds_too("1.4-1"));
    }
}
