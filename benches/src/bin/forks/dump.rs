//! The traditional clone: `pg_dump | psql` into a new database of another server, and ANALYZE.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgverse::fork_backends::local::LocalBackend;
use pgverse::fork_backends::shared::{Programs, Settings};
use pgverse::pg::Dsn;
use pgverse::traits::ForkBackend;
use pgverse::{Context, Error, Result};
use pgverse_testkit::TestServer;

/// What a server is installed with, where a throw-away server differs: a clone that stays must survive a crash.
const INSTALLED: [(&str, &str); 9] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("wal_init_zero", "on"),
    ("wal_recycle", "on"),
    ("autovacuum", "on"),
    ("max_wal_size", "1GB"),
    ("min_wal_size", "80MB"),
    ("checkpoint_timeout", "5min"),
];

/// The time from the request to the first answered query on the clone.
pub(crate) async fn measure(backend: &LocalBackend) -> Result<Duration> {
    let cx = Context::new();
    let fork = backend.fork(&cx).await?;
    let source = backend.dsn(&cx, &fork.id).await?;
    let settings = INSTALLED.iter().fold(Settings::default(), |s, (name, value)| s.with(name, value));
    let server = TestServer::with_settings(&settings).await;
    let (target, programs) = (server.dsn("clone"), Programs::find(None)?);
    let (dump, psql) = (programs.tool("pg_dump")?, programs.tool("psql")?);
    let time = tokio::task::spawn_blocking(move || {
        let psql = |database: &str| {
            let mut command = at(&psql, &target, database);
            command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
            command
        };
        let begin = Instant::now();
        finish(psql("postgres").args(["-c", "CREATE DATABASE clone"]))?;
        let mut dumping =
            at(&dump, &source, source.database()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let output = dumping.stdout.take().ok_or_else(|| Error::internal("no output of pg_dump"))?;
        finish(psql("clone").stdin(Stdio::from(output)))?;
        if !dumping.wait().map_err(failed)?.success() {
            return Err(Error::internal("pg_dump failed"));
        }
        finish(psql("clone").args(["-c", "ANALYZE", "-c", "SELECT count(*) FROM users"]))?;
        Ok(begin.elapsed())
    });
    let time = time.await.map_err(|e| Error::internal("the dump ended early").with("error", e))?;
    backend.destroy(&cx, &fork.id).await?;
    time
}

fn at(program: &Path, dsn: &Dsn, database: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", &dsn.host(), "-U", dsn.user(), "-d", database]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn finish(command: &mut Command) -> Result<()> {
    match command.status().map_err(failed)? {
        status if status.success() => Ok(()),
        status => Err(Error::internal("a program failed").with("status", status)),
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::internal("a program cannot be run").with("error", error)
}
