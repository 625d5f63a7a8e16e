//! A PostgreSQL server of the test's own.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pgverse_core::Context;
use pgverse_core::pg::{Dsn, Session, quote};
use pgverse_fork_backends::shared::server::{PORT, SUPERUSER, initdb};
use pgverse_fork_backends::shared::{Account, Programs, Server, ServerSpec, Settings, process};
use rustix::process::Signal;

/// How long a server may take to come or to go before the test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A server in a temporary directory, on a Unix socket in it, with crash safety off. It ends, and its files
/// go, when this value is dropped, also when the test panics.
#[derive(Debug)]
pub struct TestServer {
    server: Server,
    programs: Programs,
    directory: tempfile::TempDir,
    port: u16,
    password: Option<String>,
}

impl TestServer {
    /// Starts a server.
    pub async fn start() -> Self {
        Self::with_settings(&Settings::default()).await
    }

    /// Starts a server with these settings over those of a throw-away server.
    pub async fn with_settings(settings: &Settings) -> Self {
        Self::launch(require_programs(), settings, None).await
    }

    /// Starts a server of these programs, with these settings over those of a throw-away server.
    pub async fn of(programs: &Programs, settings: &Settings) -> Self {
        Self::launch(programs.clone(), settings, None).await
    }

    /// Starts a server that also listens on a free port of 127.0.0.1, where it wants this password (SCRAM).
    pub async fn with_password(password: &str) -> Self {
        Self::launch(require_programs(), &Settings::default(), Some(password)).await
    }

    async fn launch(programs: Programs, settings: &Settings, password: Option<&str>) -> Self {
        let cx = Context::new();
        let account = Account::resolve().expect("there is a user to run servers as");
        let directory =
            tempfile::Builder::new().prefix("pgverse-test-").tempdir().expect("a directory can be made");
        account.give(directory.path()).expect("the directory can be given to the server's user");
        let data = directory.path().join("data");
        let port = if password.is_some() { free_port() } else { PORT };
        let mut here = Settings::for_fork().and(settings);
        if password.is_some() {
            here = here.with("listen_addresses", "127.0.0.1");
        }
        initdb(&cx, &programs, &account, &data, &here).await.expect("initdb works");
        if password.is_some() {
            let path = data.join("pg_hba.conf");
            let rules = std::fs::read_to_string(&path).expect("the rules can be read");
            std::fs::write(&path, format!("{rules}host all all 127.0.0.1/32 scram-sha-256\n"))
                .expect("the rules can be written");
        }
        let server = spawn(&programs, directory.path(), port);
        // From here on a panic ends the server too.
        let this = Self { server, programs, directory, port, password: password.map(ToOwned::to_owned) };
        this.wait_until_it_answers(&cx).await;
        if let Some(password) = password {
            this.sql("postgres", &format!("ALTER ROLE {SUPERUSER} PASSWORD {}", quote::literal(password)))
                .await;
        }
        this
    }

    async fn wait_until_it_answers(&self, cx: &Context) {
        let begin = Instant::now();
        loop {
            match Session::connect(cx, &self.dsn("postgres"), "test").await {
                Ok(_) => return,
                Err(error) if !self.server.process().is_alive() || begin.elapsed() > LIMIT => {
                    let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
                    panic!("the test server does not answer: {error}\n{log}");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// Kills every process of the server at once, as a power failure does, and starts it again on the same data.
    pub async fn crash(&mut self) {
        let data = self.directory.path().join("data");
        let begin = Instant::now();
        // The postmaster first, so that it starts nobody anew.
        let _ = self.server.process().signal(Signal::KILL);
        loop {
            let left = process::working_in(&data);
            if left.is_empty() {
                break;
            }
            assert!(begin.elapsed() < LIMIT, "the server's processes can be killed");
            for process in left {
                let _ = process.signal(Signal::KILL);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.server = spawn(&self.programs, self.directory.path(), self.port);
        self.wait_until_it_answers(&Context::new()).await;
    }

    /// How to connect as the superuser, on the socket.
    pub fn dsn(&self, database: &str) -> Dsn {
        self.dsn_as(SUPERUSER, database)
    }

    /// How to connect as another role, on the socket, where everyone is trusted.
    pub fn dsn_as(&self, user: &str, database: &str) -> Dsn {
        Dsn::socket(self.directory.path(), self.port, user, database)
    }

    /// URL without password for the port on 127.0.0.1; the server must have been started with one.
    pub fn tcp_url(&self, database: &str) -> String {
        assert!(self.password.is_some(), "this server listens on its socket only");
        format!("postgresql://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Directory of the server: its socket, its log and its data directory `data`.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A new directory beside the data directory, for the server's user.
    pub fn directory_for_servers(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        let account = Account::resolve().expect("there is a user to run servers as");
        account.create_private(&path).expect("the directory can be made");
        path
    }

    /// Opens a session as the superuser.
    pub async fn session(&self, database: &str) -> Session {
        let session = Session::connect(&Context::new(), &self.dsn(database), "test").await;
        session.unwrap_or_else(|error| panic!("the test server does not answer: {error}"))
    }

    /// Runs SQL as the superuser.
    pub async fn sql(&self, database: &str, sql: &str) {
        let done = self.session(database).await.batch(&Context::new(), sql).await;
        done.unwrap_or_else(|error| panic!("the test server refuses a statement: {error}"));
    }

    /// The first column of the only row, as the superuser.
    pub async fn text(&self, database: &str, sql: &str) -> String {
        let text = self.session(database).await.text(&Context::new(), sql, &[]).await;
        text.unwrap_or_else(|error| panic!("the test server refuses a query: {error}"))
    }

    /// Whether an extension can be created here; if not, a notice. In CI that is a failure.
    pub async fn has_extension(&self, name: &str) -> bool {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = {})::text",
            quote::literal(name)
        );
        let there = self.text("postgres", &sql).await == "true";
        assert!(there || std::env::var_os("CI").is_none(), "CI must test with {name}, see scripts/test.sh");
        if !there {
            // Not by a macro, whose output the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "NOT TESTED with {name}: it is not installed");
        }
        there
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        end(&self.server);
    }
}

fn spawn(programs: &Programs, directory: &Path, port: u16) -> Server {
    let server = Server::spawn(ServerSpec {
        programs,
        account: &Account::resolve().expect("there is a user to run servers as"),
        data: &directory.join("data"),
        socket: directory,
        log: &directory.join("log"),
        settings: &Settings::default().with("port", &port.to_string()),
    });
    server.expect("the server starts")
}

/// Ends a server from where nothing can be awaited: signals, and a look at the process table until it is gone.
/// It is asked first, so that it gives its shared memory back.
pub fn end(server: &Server) {
    let postmaster = server.process();
    let _ = postmaster.signal(Signal::QUIT);
    let begin = Instant::now();
    while postmaster.is_alive() && begin.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(1));
    }
    for left in process::working_in(server.data()) {
        let _ = left.signal(Signal::KILL);
    }
}

/// The PostgreSQL programs; the test fails with the name of the package if there are none.
pub fn require_programs() -> Programs {
    Programs::find(None).unwrap_or_else(|error| panic!("this test needs PostgreSQL: {error}"))
}

/// The programs of one major version; `None`, after a notice, if there are none. In CI that is a failure.
pub fn programs_of(major: u32) -> Option<Programs> {
    match Programs::find(Some(major)) {
        Ok(programs) => Some(programs),
        Err(error) if std::env::var_os("CI").is_none() => {
            // Not by a macro, whose output the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "NOT TESTED on PostgreSQL {major}: {error}");
            None
        }
        Err(error) => panic!("CI must test on PostgreSQL {major}, see scripts/versions.sh: {error}"),
    }
}

/// A program of PostgreSQL such as `pg_dump`; the test fails with the name of the package if it is missing.
pub fn require_tool(name: &str) -> PathBuf {
    require_programs().tool(name).unwrap_or_else(|error| panic!("this test needs {name}: {error}"))
}

/// A port that nobody listens on at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
    listener.local_addr().expect("the port is known").port()
}
