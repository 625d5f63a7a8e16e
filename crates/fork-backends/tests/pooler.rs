//! A real pooler between us and the source: both backends say that it is one, and what to do.

#![allow(clippy::unwrap_used)]

mod place;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::{Context, ErrorKind};
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse_fork_backends::shared::Account;
use pgverse_fork_backends::template::{TemplateBackend, TemplateConfig};
use pgverse_testkit::TestServer;
use place::Place;

const PORT: u16 = 6432;

/// A running PgBouncer, which ends with this value.
struct Pooler(Child);

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Pooler {
    /// Starts it in front of a server, in this mode; `None`, after a notice, where it is not installed. In CI that is a
    /// failure.
    async fn before(server: &TestServer, mode: &str, more: &str) -> Option<(Self, Dsn)> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|p| Path::new(p).exists());
        assert!(
            program.is_some() || std::env::var_os("CI").is_none(),
            "CI must test with pgbouncer, see scripts/test.sh"
        );
        let Some(program) = program else {
            let _ = writeln!(std::io::stderr(), "NOT TESTED behind a pooler: pgbouncer is not installed");
            return None;
        };
        let folder = server.directory_for_servers("pooler");
        let config = format!(
            "[databases]\n* = host={} port=5432 user=postgres\n[pgbouncer]\nunix_socket_dir = {}\nlisten_port = {PORT}\n\
             auth_type = any\npool_mode = {mode}\n{more}\n",
            server.directory().display(),
            folder.display()
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, config).unwrap();
        let account = Account::resolve().unwrap();
        account.give(&file).unwrap();
        let mut command = account.command(Path::new(program));
        let child = command.arg("-q").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Self(child);
        let dsn = Dsn::socket(&folder, PORT, "postgres", "shop");
        let (cx, begin) = (Context::new(), Instant::now());
        // Of itself it lets ordinary sessions through, once it listens.
        while let Err(error) = Session::connect(&cx, &dsn, "test").await {
            assert!(begin.elapsed() < Duration::from_secs(20), "pgbouncer does not start: {error}");
            tokio::task::yield_now().await;
        }
        Some((pooler, dsn))
    }
}

#[tokio::test]
async fn forks_through_a_pooler_are_refused_with_the_reason() {
    let server = TestServer::start().await;
    server.sql("postgres", "CREATE DATABASE shop").await;
    server.sql("shop", "CREATE TABLE t AS SELECT generate_series(1, 100) AS id").await;
    let cx = Context::new();
    for (mode, more) in [
        ("session", "ignore_startup_parameters = options"),
        ("transaction", "ignore_startup_parameters = options"),
        // What asks for a read-only session is refused before anything else.
        ("session", ""),
    ] {
        let Some((pooler, dsn)) = Pooler::before(&server, mode, more).await else { return };
        let place = Place::new();
        let golden = Some(GoldenSource::Server(dsn.clone()));
        let local = LocalBackend::new(LocalConfig { golden, ..place.config(None) }).unwrap();
        let home = Some(place.path().to_owned());
        let template = TemplateBackend::new(TemplateConfig { home, ..TemplateConfig::new(dsn) }).unwrap();
        let backends: [&dyn ForkBackend; 2] = [&local, &template];
        for backend in backends {
            let error = backend.prepare(&cx).await.unwrap_err();
            let said = format!("{} {}", error, error.way_out().unwrap_or_default());
            assert!(
                said.contains("pooler") && said.contains("address of the server itself"),
                "{mode}: {said}"
            );
            assert!(more.is_empty() || error.kind() == ErrorKind::Unsupported, "{mode}: {error}");
        }
        drop((local, template, pooler));
        place.assert_clean();
        std::fs::remove_dir_all(server.directory().join("pooler")).unwrap();
    }
}
