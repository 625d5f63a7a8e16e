//! `template` on the suite, and what is special about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::Isolation;
use pgverse_core::{Context, ErrorKind};
use pgverse_fork_backends::shared::Settings;
use pgverse_fork_backends::shared::lease::Terms;
use pgverse_fork_backends::template::{Strategy, TemplateBackend, TemplateConfig, sweep_leases};
use pgverse_testkit::suite::{Owner, Stage, fork};
use pgverse_testkit::{TestServer, programs_of, shop};

/// The whole suite on one major version.
pub(crate) async fn suite(major: u32) {
    let Some(programs) = programs_of(major) else { return };
    let server = TestServer::of(&programs, &Settings::default()).await;
    fork::all(&Template::over_server(server).await).await;
}

struct Template {
    backend: TemplateBackend,
    server: Arc<TestServer>,
    home: Arc<tempfile::TempDir>,
    database: String,
}

impl Template {
    async fn new() -> Self {
        Self::over_server(TestServer::start().await).await
    }

    async fn over_server(server: TestServer) -> Self {
        shop::create(&server, "shop").await;
        let home = tempfile::tempdir().unwrap();
        let backend = backend(server.dsn("shop"), home.path(), |_| {});
        Self { backend, server: Arc::new(server), home: Arc::new(home), database: "shop".to_owned() }
    }
}

/// The backend of a test, or of the process that a test kills.
pub(crate) fn backend(source: Dsn, home: &Path, change: impl FnOnce(&mut TemplateConfig)) -> TemplateBackend {
    let mut config = TemplateConfig::new(source);
    config.home = Some(home.to_owned());
    // Long enough for sessions of the test itself to leave the source.
    config.wait = Some(Duration::from_secs(60));
    change(&mut config);
    TemplateBackend::new(config).unwrap()
}

#[async_trait]
impl Stage for Template {
    fn backend(&self) -> &dyn ForkBackend {
        &self.backend
    }

    fn source(&self) -> Dsn {
        self.server.dsn(&self.database)
    }

    fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    fn name(&self) -> String {
        "template".to_owned()
    }

    /// Others may write to the source only where forks are made from a copy of it.
    fn over(&self, database: &str, in_use: bool) -> Box<dyn Stage + '_> {
        let change = |config: &mut TemplateConfig| config.copy = in_use;
        Box::new(Self {
            backend: backend(self.server.dsn(database), self.home.path(), change),
            server: Arc::clone(&self.server),
            home: Arc::clone(&self.home),
            database: database.to_owned(),
        })
    }

    fn same_pages(&self) -> bool {
        true
    }

    fn server(&self) -> &TestServer {
        &self.server
    }

    async fn leftovers(&self) -> Vec<String> {
        let sql = "SELECT coalesce(string_agg(datname, ' '), '') FROM pg_database \
                   WHERE datname LIKE 'pgverse%'";
        let databases = self.server.text("postgres", sql).await;
        let leases = std::fs::read_dir(self.home.path().join("leases")).into_iter().flatten();
        let files = leases.map(|entry| entry.unwrap().path().display().to_string());
        databases.split_whitespace().map(ToOwned::to_owned).chain(files).collect()
    }
}

/// A server with the shop, and a home, for backends that differ from the suite's.
async fn ground() -> (TestServer, tempfile::TempDir) {
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    (server, tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn sessions_on_the_source_are_named_with_the_way_out() {
    let (server, home) = ground().await;
    let cx = Context::new();
    let impatient = backend(server.dsn("shop"), home.path(), |config| config.wait = None);
    impatient.prepare(&cx).await.unwrap();
    let session = server.session("shop").await;
    let error = impatient.fork(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let named = format!("pid {} user postgres application pgverse test", session.backend_pid());
    assert!(error.to_string().contains(&named), "{error}");
    assert!(error.way_out().unwrap().contains("--backend local"), "{error}");
    assert!(impatient.list(&cx).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_fork_that_waits_is_listed_and_goes_on_when_the_source_is_free() {
    let stage = Template::new().await;
    let cx = Context::new();
    stage.backend.prepare(&cx).await.unwrap();
    let session = stage.source_session().await;
    let free = async {
        // The lease comes first, so the fork is listed before it can be made.
        while stage.listed().await.is_empty() {}
        drop(session);
    };
    let (universe, ()) = tokio::join!(stage.backend.fork(&cx), free);
    stage.destroy(&universe.unwrap().id).await;
    stage.assert_nothing_left().await;
}

#[tokio::test]
async fn cancel_while_waiting_leaves_nothing() {
    let stage = Template::new().await;
    let cx = Context::new();
    stage.backend.prepare(&cx).await.unwrap();
    let _session = stage.source_session().await;
    let cancel = async {
        while stage.listed().await.is_empty() {}
        cx.cancellation().cancel();
    };
    let (result, ()) = tokio::join!(stage.backend.fork(&cx), cancel);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    stage.assert_nothing_left().await;
}

#[tokio::test]
async fn what_the_server_still_makes_for_a_dead_owner_is_swept() {
    let stage = Template::new().await;
    let session = stage.source_session().await;
    let mut owner = Owner::start(&stage);
    owner.hear("forking").await;
    let copying = "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE pgverse_fork_%' \
                   AND pid <> pg_backend_pid()";
    while stage.server.text("postgres", copying).await == "0" {}
    owner.kill().await;
    assert_eq!(stage.server.text("postgres", copying).await, "1", "the server does not know yet");
    assert_eq!(stage.backend.sweep(&Context::new()).await.unwrap().len(), 1);
    assert_eq!(stage.server.text("postgres", copying).await, "0");
    drop(session);
    stage.assert_nothing_left().await;
}

#[tokio::test]
async fn what_the_role_lacks_is_said_before_the_first_fork() {
    let (server, home) = ground().await;
    let cx = Context::new();
    let sql = "CREATE ROLE \"Plain User\" LOGIN; CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE keeper LOGIN CREATEDB; \
               CREATE DATABASE \"Kept by keeper\" OWNER keeper";
    for statement in sql.split("; ") {
        server.sql("postgres", statement).await;
    }
    let try_as = |user: &str, database: &str| {
        let dsn = server.dsn_as(user, database);
        backend(server.dsn("shop"), home.path(), |config| config.dsn = dsn)
    };
    let error = try_as("Plain User", "shop").prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.way_out().unwrap().contains("ALTER ROLE \"Plain User\" CREATEDB"), "{error}");

    let error = try_as("maker", "Kept by keeper").fork(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.to_string().contains("owner: keeper"), "{error}");

    let error = try_as("maker", "no such").prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let kept = try_as("keeper", "Kept by keeper");
    let sql = "ALTER DATABASE \"Kept by keeper\" SET log_min_duration_statement = 7; \
               ALTER DATABASE \"Kept by keeper\" SET work_mem = '7MB'; \
               ALTER ROLE keeper IN DATABASE \"Kept by keeper\" SET search_path = '$user', \"a, b\"";
    server.sql("postgres", sql).await;
    kept.prepare(&cx).await.unwrap();
    assert!(!kept.capability().superuser);
    let universe = kept.fork(&cx).await.unwrap();
    let session = Session::connect(&cx, &kept.dsn(&cx, &universe.id).await.unwrap(), "test").await.unwrap();
    assert_eq!(session.text(&cx, "SHOW search_path", &[]).await.unwrap(), "\"$user\", \"a, b\"");
    assert_eq!(session.text(&cx, "SHOW work_mem", &[]).await.unwrap(), "7MB");
    let left_out = session.text(&cx, "SHOW log_min_duration_statement", &[]).await.unwrap();
    assert_eq!(left_out, "-1", "only a superuser may set it");
    kept.destroy(&cx, &universe.id).await.unwrap();
    server.sql("postgres", "DROP DATABASE \"Kept by keeper\"").await;
}

/// Whether this is XFS or btrfs (magic numbers of statfs(2)).
fn shares_blocks(path: &Path) -> bool {
    [0x5846_5342, 0x9123_683e].contains(&(rustix::fs::statfs(path).unwrap().f_type as u32))
}

#[tokio::test]
async fn each_strategy_says_what_it_did() {
    let (server, home) = ground().await;
    let cx = Context::new();
    let major: u32 = server
        .text("postgres", "SELECT current_setting('server_version_num')::int / 10000 || ''")
        .await
        .parse()
        .unwrap();
    let contents = shop::contents(&server.session("shop").await).await;
    let by_file = if major >= 18 && shares_blocks(server.directory()) {
        "create_database_clone"
    } else {
        "create_database_file_copy"
    };
    // The shop is small, so the log is the faster way where there is a choice.
    let faster = if major >= 15 { "create_database_wal_log" } else { by_file };
    for (strategy, mechanism) in [
        (Some(Strategy::FileCopy), by_file),
        (Some(Strategy::WalLog), "create_database_wal_log"),
        (None, faster),
    ] {
        let backend = backend(server.dsn("shop"), home.path(), |config| config.strategy = strategy);
        if major < 15 && strategy == Some(Strategy::WalLog) {
            assert_eq!(backend.prepare(&cx).await.unwrap_err().kind(), ErrorKind::Unsupported);
            continue;
        }
        let universe = backend.fork(&cx).await.unwrap();
        assert_eq!(universe.mechanism, mechanism);
        let clone = universe.mechanism == "create_database_clone";
        assert_eq!(backend.capability().copy_on_write, clone);
        let full = universe.cost.full_bytes;
        let bytes = if clone { 0..full / 2 } else { full * 9 / 10..full * 11 / 10 };
        assert!(bytes.contains(&universe.cost.bytes), "{universe:?}");
        let capability = backend.capability();
        assert!(capability.superuser && capability.same_machine);
        assert_eq!(capability.isolation, Isolation::SharedServer);
        let session =
            Session::connect(&cx, &backend.dsn(&cx, &universe.id).await.unwrap(), "test").await.unwrap();
        assert_eq!(shop::contents(&session).await, contents);
        backend.destroy(&cx, &universe.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_in_latin1_is_forked_as_it_is() {
    let (server, home) = ground().await;
    let cx = Context::new();
    shop::create_latin1(&server, "Old Shop").await;
    server.sql("Old Shop", "UPDATE app.visits SET page = 'Käse'").await;
    let contents = shop::contents(&server.session("Old Shop").await).await;
    assert!(contents[0].contains("LATIN1"), "{contents:?}");
    let backend = backend(server.dsn("Old Shop"), home.path(), |_| {});
    let universe = backend.fork(&cx).await.unwrap();
    let session =
        Session::connect(&cx, &backend.dsn(&cx, &universe.id).await.unwrap(), "test").await.unwrap();
    assert_eq!(shop::contents(&session).await, contents);
    backend.destroy(&cx, &universe.id).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_has_ended_is_swept_also_from_another_home() {
    let (server, home) = ground().await;
    let cx = Context::new();
    let over = Terms { ttl: Duration::ZERO, detached: true };
    let elsewhere = tempfile::tempdir().unwrap();
    let (alive, ended) = (
        backend(server.dsn("shop"), home.path(), |_| {}),
        backend(server.dsn("shop"), home.path(), |config| config.terms = over),
    );
    let watcher = backend(server.dsn("shop"), elsewhere.path(), |_| {});
    let (stays, goes) = (alive.fork(&cx).await.unwrap(), ended.fork(&cx).await.unwrap());
    server.sql("postgres", "CREATE DATABASE pgverse_fork_notours").await;

    let mut listed: Vec<_> = watcher.list(&cx).await.unwrap();
    listed.sort_by(|a, b| b.expires.cmp(&a.expires));
    assert_eq!(listed, [stays.clone(), goes.clone()]);
    assert_eq!(watcher.sweep(&cx).await.unwrap(), std::slice::from_ref(&goes.id));
    assert_eq!(watcher.list(&cx).await.unwrap(), std::slice::from_ref(&stays));
    assert_eq!(
        server.text("postgres", "SELECT count(*)::text FROM pg_database WHERE datname LIKE 'pgverse%'").await,
        "2"
    );
    alive.destroy(&cx, &stays.id).await.unwrap();

    // Its own home still has the lease of the one that was swept from elsewhere; a sweep clears it.
    assert_eq!(alive.sweep(&cx).await.unwrap(), [goes.id]);
    let error = alive.destroy(&cx, &"shop".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "only forks are destroyed");
}

#[tokio::test]
async fn leases_alone_lead_to_the_forks_of_the_dead() {
    let stage = Template::new().await;
    let cx = Context::new();
    let mut owner = Owner::start(&stage);
    let id = owner.hear("forked").await;
    let swept = sweep_leases(&cx, Some(stage.home.path())).await.unwrap();
    assert!(swept.destroyed.is_empty() && swept.errors.is_empty(), "the owner lives: {swept:?}");
    owner.kill().await;
    let swept = sweep_leases(&cx, Some(stage.home.path())).await.unwrap();
    assert_eq!(swept.destroyed, [id.as_str().into()]);
    assert!(swept.errors.is_empty(), "{swept:?}");
    stage.assert_nothing_left().await;

    let mut owner = Owner::start(&stage);
    owner.hear("forked").await;
    owner.kill().await;
    let Template { server, home, .. } = stage;
    let directory = server.directory().display().to_string();
    drop(server);
    let swept = sweep_leases(&cx, Some(home.path())).await.unwrap();
    assert!(swept.destroyed.is_empty());
    let [error] = &swept.errors[..] else { panic!("one server, one error: {swept:?}") };
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.to_string().contains(&directory) && error.to_string().contains("forks left: 1"), "{error}");
}

#[tokio::test]
async fn a_password_is_used_and_never_told() {
    let server = TestServer::with_password("s3cr3t word").await;
    shop::create(&server, "shop").await;
    let home = tempfile::tempdir().unwrap();
    let cx = Context::new();
    let url = server.tcp_url("shop").replace("postgres@", "postgres:s3cr3t%20word@");
    let dsn = Dsn::parse(&url).unwrap();
    let backend = backend(server.dsn("shop"), home.path(), |config| config.dsn = dsn);
    let universe = backend.fork(&cx).await.unwrap();
    let session =
        Session::connect(&cx, &backend.dsn(&cx, &universe.id).await.unwrap(), "test").await.unwrap();
    assert_eq!(
        session.text(&cx, "SELECT current_database()::text", &[]).await.unwrap(),
        universe.id.as_str()
    );
    let comment =
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()";
    let mut told = session.text(&cx, comment, &[]).await.unwrap();
    assert!(told.contains(universe.id.as_str()), "{told}");
    for entry in std::fs::read_dir(home.path().join("leases")).unwrap() {
        told += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    told += &format!("{universe:?} {backend:?}");
    assert!(!told.contains("s3cr3t"), "{told}");
    backend.destroy(&cx, &universe.id).await.unwrap();

    let dsn = Dsn::parse(&server.tcp_url("shop").replace("postgres@", "postgres:wrong@")).unwrap();
    let error = self::backend(server.dsn("shop"), home.path(), |config| config.dsn = dsn)
        .prepare(&cx)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
}
