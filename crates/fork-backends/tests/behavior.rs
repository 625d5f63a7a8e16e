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
