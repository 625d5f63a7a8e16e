//! The contract of a fork backend, against real servers; and what only one backend promises.

#![allow(clippy::unwrap_used)]

#[path = "behavior/template.rs"]
mod template;

use pgverse_core::pg::Dsn;
use pgverse_fork_backends::template::{TemplateBackend, TemplateConfig};
use pgverse_testkit::suite::{OWNER_BACKEND, OWNER_HOME, OWNER_SOURCE, live_owner};

/// Not a test: the process that other tests start and kill. It forks and then waits.
#[tokio::test]
#[ignore = "started by other tests, which kill it"]
async fn owner_process() {
    let variable = |name: &str| std::env::var(name).expect("the parent process sets the environment");
    let source = Dsn::parse(&variable(OWNER_SOURCE)).unwrap();
    let home = Some(variable(OWNER_HOME).into());
    match variable(OWNER_BACKEND).as_str() {
        "template" => {
            let config = TemplateConfig { home, wait: Some(template::WAIT), ..TemplateConfig::new(source) };
            live_owner(&TemplateBackend::new(config).unwrap()).await;
        }
        other => panic!("unknown backend {other}"),
    }
}
