//! The contract of a fork backend, against real servers; and what only one backend promises.

#![allow(clippy::unwrap_used)]

#[path = "behavior/local.rs"]
mod local;
mod place;
#[path = "behavior/template.rs"]
mod template;

use std::path::PathBuf;

use pgverse_core::pg::Dsn;
use pgverse_testkit::suite::{OWNER_BACKEND, OWNER_HOME, OWNER_SOURCE, live_owner};

/// The suite on PostgreSQL 14 to 18: one test for each major version, each mechanism of `local`, and `template`.
macro_rules! matrix {
    ($($version:ident $major:literal)+) => {
        $(mod $version {
            #[tokio::test]
            async fn copy() {
                super::local::suite($major, super::local::Ground::Plain).await;
            }

            #[tokio::test]
            async fn overlayfs() {
                super::local::suite($major, super::local::Ground::Overlay).await;
            }

            #[tokio::test]
            async fn reflink() {
                super::local::suite($major, super::local::Ground::Reflink).await;
            }

            #[tokio::test]
            async fn btrfs_snapshot() {
                super::local::suite($major, super::local::Ground::Btrfs).await;
            }

            #[tokio::test]
            async fn zfs_clone() {
                super::local::suite_on_zfs($major).await;
            }

            #[tokio::test]
            async fn template() {
                super::template::suite($major).await;
            }
        })+
    };
}

matrix!(postgresql_14 14 postgresql_15 15 postgresql_16 16 postgresql_17 17 postgresql_18 18);

/// Not a test: the process that `zfs_clone` runs the suite in.
#[tokio::test]
#[ignore = "started by other tests"]
async fn zfs_process() {
    local::zfs_process().await;
}

/// Not a test: the process that other tests start and kill. It forks and then waits.
#[tokio::test]
#[ignore = "started by other tests, which kill it"]
async fn owner_process() {
    let variable = |name: &str| std::env::var(name).expect("the parent process sets the environment");
    let source = Dsn::parse(&variable(OWNER_SOURCE)).unwrap();
    let home = PathBuf::from(variable(OWNER_HOME));
    match variable(OWNER_BACKEND).as_str() {
        "template" => live_owner(&template::backend(source, &home, |_| {})).await,
        mechanism => live_owner(&local::backend(source, &home, mechanism.parse().unwrap())).await,
    }
}
