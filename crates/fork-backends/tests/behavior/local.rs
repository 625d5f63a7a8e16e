//! `local` on the suite, each mechanism over a golden image copied from a running server: by dump and
//! restore for plain copies, physically for the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};
use pgverse_fork_backends::shared::{Programs, Settings, process};
use pgverse_testkit::suite::{Stage, fork};
use pgverse_testkit::{TestServer, programs_of, shop};

use crate::place::Place;

/// Where a mechanism is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ground {
    Plain,
    Overlay,
    Reflink,
    Btrfs,
    /// The home of another process, which plays ZFS.
    Zfs,
}

/// Names the home on an emulated ZFS to the process that the suite runs in.
const ZFS_HOME: &str = "PGVERSE_TEST_ZFS_HOME";
/// Names the major version to it.
const MAJOR: &str = "PGVERSE_TEST_MAJOR";

/// The whole suite on an emulated ZFS, in a process of its own that finds the emulator in `PATH`.
pub(crate) async fn suite_on_zfs(major: u32) {
    if programs_of(major).is_none() {
        return;
    }
    let Some((place, tank)) = Place::on_emulated_zfs() else { return };
    let path = std::env::var("PATH").unwrap();
    let status = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "zfs_process", "--ignored", "--nocapture"])
        .env("PATH", format!("{}:{path}", tank.display()))
        .env(ZFS_HOME, place.path())
        .env(MAJOR, major.to_string())
        .kill_on_drop(true)
        .status();
    assert!(status.await.unwrap().success());
}

/// The body of that process.
pub(crate) async fn zfs_process() {
    suite(std::env::var(MAJOR).unwrap().parse().unwrap(), Ground::Zfs).await;
}

impl Ground {
    fn open(self) -> Option<(Place, Mechanism)> {
        let xfs = || Place::on("xfs", &["-q", "-m", "reflink=1"], 1 << 30);
        Some(match self {
            Self::Plain => (Place::new(), Mechanism::Copy),
            Self::Overlay => (xfs()?, Mechanism::Overlayfs),
            Self::Reflink => (xfs()?, Mechanism::Reflink),
            Self::Btrfs => (Place::on("btrfs", &["-q"], 1 << 30)?, Mechanism::BtrfsSnapshot),
            Self::Zfs => {
                let place = Place::of_another(std::env::var_os(ZFS_HOME).unwrap().into());
                assert_eq!(
                    place.backend(None).mechanism().unwrap(),
                    Mechanism::ZfsClone,
                    "chosen by probing"
                );
                (place, Mechanism::ZfsClone)
            }
        })
    }
}

/// The whole suite on one major version, by one mechanism.
pub(crate) async fn suite(major: u32, ground: Ground) {
    let Some(programs) = programs_of(major) else { return };
    let Some((place, mechanism)) = ground.open() else { return };
    fork::all(&Local::new(place, mechanism, &programs).await).await;
}

struct Local {
    // Dropped in this order: the backend removes its image, the place its mounts.
    backend: LocalBackend,
    server: Arc<TestServer>,
    place: Arc<Place>,
    database: String,
    logical: bool,
}

/// The backend of a test, or of the process that a test kills.
pub(crate) fn backend(source: Dsn, home: &Path, mechanism: Mechanism) -> LocalBackend {
    let golden = Some(GoldenSource::Server(source));
    let config = LocalConfig {
        golden,
        home: Some(home.to_owned()),
        mechanism: Some(mechanism),
        // So that the processes that tests kill need not build it again.
        keep_golden: true,
        ..LocalConfig::default()
    };
    LocalBackend::new(config).unwrap()
}

impl Local {
    async fn new(place: Place, mechanism: Mechanism, programs: &Programs) -> Self {
        // Without senders a server cannot be copied physically. A version whose own `pg_dump` is not installed
        // here is copied physically all the same: a logical copy would run another version.
        let logical = mechanism == Mechanism::Copy && programs.tool("pg_dump").is_ok();
        let senders = if logical { "0" } else { "4" };
        let server = TestServer::of(programs, &Settings::default().with("max_wal_senders", senders)).await;
        shop::create(&server, "shop").await;
        if !logical {
            // A physical copy has no rows of unlogged tables, so it is taken only where there are none.
            server.sql("shop", "TRUNCATE app.visits").await;
        }
        let backend = backend(server.dsn("shop"), place.path(), mechanism);
        Self { backend, server: Arc::new(server), place: Arc::new(place), database: "shop".into(), logical }
    }
}

#[async_trait]
impl Stage for Local {
    fn backend(&self) -> &dyn ForkBackend {
        &self.backend
    }

    fn source(&self) -> Dsn {
        self.server.dsn(&self.database)
    }

    fn home(&self) -> PathBuf {
        self.place.path().to_owned()
    }

    fn name(&self) -> String {
        self.backend.mechanism().unwrap().to_string()
    }

    /// A golden image is copied also from a source in use.
    fn over(&self, database: &str, _in_use: bool) -> Box<dyn Stage + '_> {
        let mechanism = self.backend.mechanism().unwrap();
        let source = self.server.dsn(database);
        Box::new(Self {
            backend: backend(source, self.place.path(), mechanism),
            server: Arc::clone(&self.server),
            place: Arc::clone(&self.place),
            database: database.to_owned(),
            logical: self.logical,
        })
    }

    fn same_pages(&self) -> bool {
        !self.logical
    }

    fn server(&self) -> &TestServer {
        &self.server
    }

    async fn leftovers(&self) -> Vec<String> {
        let forks = self.place.path().join("forks");
        let mut left = self.place.entries("forks");
        left.extend(self.place.datasets_of_forks());
        left.extend(self.place.entries("leases").into_iter().filter(|name| name.starts_with("pgverse_fork")));
        left.extend(process::working_in(&forks).iter().map(|process| format!("{process:?}")));
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        left.extend(
            mounts.lines().filter(|line| line.contains(&*forks.to_string_lossy())).map(str::to_owned),
        );
        left
    }
}
