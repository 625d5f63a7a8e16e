//! The traditional clone: `pg_dump | psql` into a new database of the same server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgverse::fork_backends::local::LocalBackend;
use pgverse::fork_backends::shared::Programs;
use pgverse::traits::ForkBackend;
use pgverse::{Context, Error, Result};

/// The time from the request to the first answered query on the clone, on a server that flushes nothing.
pub(crate) async fn measure(backend: &LocalBackend) -> Result<Duration> {
    let cx = Context::new();
    let fork = backend.fork(&cx).await?;
    let dsn = backend.dsn(&cx, &fork.id).await?;
    let programs = Programs::find(None)?;
    let (dump, psql) = (programs.tool("pg_dump")?, programs.tool("psql")?);
    let (host, user, database) = (dsn.host(), dsn.user().to_owned(), dsn.database().to_owned());
    let time = tokio::task::spawn_blocking(move || {
        let at = |program: &Path, database: &str| {
            let mut command = Command::new(program);
            command.args(["-h", &host, "-U", &user, "-d", database]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let psql = |database: &str| {
            let mut command = at(&psql, database);
            command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
            command
        };
        let begin = Instant::now();
        finish(psql("template1").args(["-c", "CREATE DATABASE clone TEMPLATE template1"]))?;
        let mut dumping = at(&dump, &database).stdout(Stdio::piped()).spawn().map_err(failed)?;
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

fn finish(command: &mut Command) -> Result<()> {
    match command.status().map_err(failed)? {
        status if status.success() => Ok(()),
        status => Err(Error::internal("a program failed").with("status", status)),
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::internal("a program cannot be run").with("error", error)
}
