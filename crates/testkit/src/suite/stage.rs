//! A backend under test, its source, and the process that is killed in the middle.

use std::path::PathBuf;
use std::process::Stdio;

use async_trait::async_trait;
use pgverse_core::Context;
use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Universe, UniverseId};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::TestServer;

/// Environment variable that tells the owner process which backend to make.
pub const OWNER_BACKEND: &str = "PGVERSE_TEST_BACKEND";
/// Environment variable that tells the owner process the source database, as a connection string.
pub const OWNER_SOURCE: &str = "PGVERSE_TEST_SOURCE";
/// Environment variable that tells the owner process the home directory.
pub const OWNER_HOME: &str = "PGVERSE_TEST_HOME";

/// What a test of the suite plays on: one backend over one source.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The backend, prepared or not.
    fn backend(&self) -> &dyn ForkBackend;

    /// The source database.
    fn source(&self) -> Dsn;

    /// Directory that the backend keeps its leases in.
    fn home(&self) -> PathBuf;

    /// Name by which the owner process finds the backend again.
    fn name(&self) -> String;

    /// A stage on another database of the same server. `in_use`: a way to fork it also while others write to it,
    /// if the backend has one.
    fn over(&self, database: &str, in_use: bool) -> Box<dyn Stage + '_>;

    /// Whether a fork holds the source's pages as they are. A dump fills pages anew; from PostgreSQL 16 on a load
    /// may leave some empty, and each counts in a cost.
    fn same_pages(&self) -> bool;

    /// The server of the source.
    fn server(&self) -> &TestServer;

    /// Everything that forks left on the server, on disk and among the processes, for a person to read.
    async fn leftovers(&self) -> Vec<String>;

    /// Opens a session on the source.
    async fn source_session(&self) -> Session {
        open(&self.source()).await
    }

    /// Opens a session on a fork.
    async fn session(&self, id: &UniverseId) -> Session {
        let dsn = self.backend().dsn(&Context::new(), id).await.expect("a fork has a connection string");
        open(&dsn).await
    }

    /// Makes a fork.
    async fn fork(&self) -> Universe {
        let cx = Context::new();
        self.backend().prepare(&cx).await.expect("the backend gets ready");
        self.backend().fork(&cx).await.expect("the backend forks")
    }

    /// Destroys a fork.
    async fn destroy(&self, id: &UniverseId) {
        self.backend().destroy(&Context::new(), id).await.expect("the fork is destroyed");
    }

    /// Ids that the backend lists.
    async fn listed(&self) -> Vec<UniverseId> {
        let universes = self.backend().list(&Context::new()).await.expect("forks are listed");
        universes.into_iter().map(|universe| universe.id).collect()
    }

    /// Fails the test if anything is left.
    async fn assert_nothing_left(&self) {
        assert_eq!(self.listed().await, [], "no fork is listed");
        assert_eq!(self.leftovers().await, [""; 0], "nothing is left");
    }
}

async fn open(dsn: &Dsn) -> Session {
    Session::connect(&Context::new(), dsn, "test").await.expect("the database answers")
}

/// Another process that forks and then lives until it is killed.
#[derive(Debug)]
pub struct Owner {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Owner {
    /// Starts the ignored test `owner_process` of the running test program, whose body is [`live_owner`].
    pub fn start(stage: &dyn Stage) -> Self {
        let program = std::env::current_exe().expect("the test program has a path");
        let mut process = Command::new(program)
            .args(["--exact", "owner_process", "--ignored", "--nocapture"])
            .env(OWNER_BACKEND, stage.name())
            .env(OWNER_SOURCE, key_value(&stage.source()))
            .env(OWNER_HOME, stage.home())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the owner process starts");
        let output = BufReader::new(process.stdout.take().expect("the output is piped"));
        Self { process, output }
    }

    /// Waits until the process says `word` and returns the rest of that line.
    pub async fn hear(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length =
                self.output.read_line(&mut line).await.expect("the output of the owner process can be read");
            assert_ne!(length, 0, "the owner process ended before it said {word}");
            // The test harness prints its own words before ours on the same line.
            if let Some((_, rest)) = line.trim_end().split_once(&format!("{word} ")) {
                return rest.to_owned();
            }
        }
    }

    /// Kills the process (SIGKILL) and reaps it.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("the owner process can be killed");
    }
}

fn key_value(dsn: &Dsn) -> String {
    format!("host={} port={} user={} dbname={}", dsn.host(), dsn.port(), dsn.user(), dsn.database())
}

/// The body of the owner process: says what it does, forks, and waits to be killed.
#[allow(clippy::print_stdout, reason = "the parent process listens")]
pub async fn live_owner(backend: &dyn ForkBackend) {
    let cx = Context::new();
    backend.prepare(&cx).await.expect("the backend gets ready");
    println!("forking now");
    let universe = backend.fork(&cx).await.expect("the backend forks");
    println!("forked {}", universe.id);
    std::future::pending::<()>().await;
}
