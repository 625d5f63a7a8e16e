//! `local` on the suite, each mechanism over a golden image copied from a running server: by dump and
//! restore for plain copies, physically for the others.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};
use pgverse_fork_backends::shared::{Settings, process};
use pgverse_testkit::suite::Stage;
use pgverse_testkit::{TestServer, fork_suite, shop};

use crate::place::Place;

struct Local {
    // Dropped in this order: the backend removes its image, the place its mounts.
    backend: LocalBackend,
    server: TestServer,
    place: Place,
}

/// The backend of a test, or of the process that a test kills.
pub(crate) fn backend(source: Dsn, home: &Path, mechanism: Mechanism) -> LocalBackend {
    let golden = Some(GoldenSource::Server(source));
    let config = LocalConfig {
        golden,
        home: Some(home.to_owned()),
        mechanism: Some(mechanism),
        ..LocalConfig::default()
    };
    LocalBackend::new(config).unwrap()
}

impl Local {
    async fn new(place: Place, mechanism: Mechanism) -> Self {
        let server = if mechanism == Mechanism::Copy {
            TestServer::start().await
        } else {
            TestServer::with_settings(&Settings::default().with("max_wal_senders", "4")).await
        };
        shop::create(&server, "shop").await;
        if mechanism != Mechanism::Copy {
            // A physical copy has no rows of unlogged tables, so it is taken only where there are none.
            server.sql("shop", "TRUNCATE app.visits").await;
        }
        Self { backend: backend(server.dsn("shop"), place.path(), mechanism), server, place }
    }
}

#[async_trait]
impl Stage for Local {
    fn backend(&self) -> &dyn ForkBackend {
        &self.backend
    }

    fn source(&self) -> Dsn {
        self.server.dsn("shop")
    }

    fn home(&self) -> PathBuf {
        self.place.path().to_owned()
    }

    fn name(&self) -> String {
        self.backend.mechanism().unwrap().to_string()
    }

    async fn leftovers(&self) -> Vec<String> {
        let forks = self.place.path().join("forks");
        let mut left = self.place.entries("forks");
        left.extend(self.place.entries("leases").into_iter().filter(|name| name.starts_with("pgverse_fork")));
        left.extend(process::working_in(&forks).iter().map(|process| format!("{process:?}")));
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        left.extend(
            mounts.lines().filter(|line| line.contains(&*forks.to_string_lossy())).map(str::to_owned),
        );
        left
    }
}

mod copy {
    use super::*;

    async fn stage() -> Option<Local> {
        Some(Local::new(Place::new(), Mechanism::Copy).await)
    }

    fork_suite!(stage);
}

mod overlayfs {
    use super::*;

    async fn stage() -> Option<Local> {
        Some(Local::new(Place::on("xfs", &["-q", "-m", "reflink=1"], 1 << 30)?, Mechanism::Overlayfs).await)
    }

    fork_suite!(stage);
}

mod reflink {
    use super::*;

    async fn stage() -> Option<Local> {
        Some(Local::new(Place::on("xfs", &["-q", "-m", "reflink=1"], 1 << 30)?, Mechanism::Reflink).await)
    }

    fork_suite!(stage);
}

mod btrfs_snapshot {
    use super::*;

    async fn stage() -> Option<Local> {
        Some(Local::new(Place::on("btrfs", &["-q"], 1 << 30)?, Mechanism::BtrfsSnapshot).await)
    }

    fork_suite!(stage);
}
