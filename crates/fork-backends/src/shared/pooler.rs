//! Connections through a pooler, through which no forks are made: it changes the server process under a session.

use async_trait::async_trait;
use pgverse_core::pg::{Dsn, quote};
use pgverse_core::{Context, Error, ErrorKind, Result};

const PID: &str = "SELECT pg_backend_pid()::text";

/// How sessions are opened and asked.
#[async_trait]
pub(crate) trait Way: Sync {
    /// An open session.
    type Session: Send + Sync;

    /// Opens one.
    async fn open(&self, cx: &Context) -> Result<Self::Session>;

    /// The only value of a query.
    async fn ask(&self, cx: &Context, session: &Self::Session, sql: &str) -> Result<String>;
}

/// Refuses a pooler: it hands one server process to two sessions, at the same time or one after the other, or two server
/// processes to one session. Neither happens on a direct connection.
pub(crate) async fn refuse<W: Way>(cx: &Context, dsn: &Dsn, way: &W, first: &W::Session) -> Result<()> {
    let own = way.ask(cx, first, PID).await?;
    let second = way.open(cx).await?;
    let closed = way.ask(cx, &second, PID).await?;
    drop(second);
    let gone = format!(
        "SELECT (NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {}::int))::text",
        quote::literal(&closed)
    );
    let mut seen = vec![own.clone(), closed];
    if seen[0] == seen[1] {
        return Err(refusal(dsn));
    }
    // Either the process of the closed session ends, or a pooler keeps it and sooner or later hands it out again.
    loop {
        let next = way.ask(cx, &way.open(cx).await?, PID).await?;
        if seen.contains(&next) {
            return Err(refusal(dsn));
        }
        seen.push(next);
        if way.ask(cx, first, &gone).await? == "true" {
            break;
        }
    }
    if way.ask(cx, first, PID).await? == own { Ok(()) } else { Err(refusal(dsn)) }
}

/// The refusal.
fn refusal(dsn: &Dsn) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the connection goes through a pooler, through which forks cannot be made",
    )
    .with("server", dsn)
    .hint("give the address of the server itself")
}

/// Names the pooler behind errors that only poolers cause, prepared statements lost (26000) or there already
/// (42P05), and gives the way out for one that they also cause, a start-up refused (08P01).
pub(crate) fn suspect(error: Error, dsn: &Dsn) -> Error {
    match sqlstate(&error) {
        Some("26000" | "42P05") => refusal(dsn).caused_by(error),
        Some("08P01") => {
            error.hint("if the connection goes through a pooler, give the address of the server itself")
        }
        _ => error,
    }
}

/// The server's code of an error, if the server made it.
pub(crate) fn sqlstate(error: &Error) -> Option<&str> {
    error.context().iter().find(|(key, _)| *key == "sqlstate").map(|(_, code)| code.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn lost_prepared_statements_mean_a_pooler() {
        let dsn = Dsn::socket(Path::new("/run"), 6432, "me", "shop");
        let error = |code| suspect(Error::new(ErrorKind::Sql, "x").with("sqlstate", code), &dsn);
        assert_eq!(error("26000").kind(), ErrorKind::Unsupported);
        assert!(error("42P05").to_string().contains("pooler"));
        assert!(error("08P01").way_out().unwrap().contains("pooler"));
        assert_eq!(error("42601").way_out(), None);
    }
}
