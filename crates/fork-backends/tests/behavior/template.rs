//! `template` on the suite, and what is special about it.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::Isolation;
use pgverse_core::{Context, ErrorKind};
use pgverse_fork_backends::shared::lease::Terms;
use pgverse_fork_backends::template::{Strategy, TemplateBackend, TemplateConfig, sweep_leases};
use pgverse_testkit::suite::{Owner, Stage};
use pgverse_testkit::{TestServer, fork_suite, shop};

/// Long enough for sessions of the test itself to leave the source.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

pub(crate) struct Template {
    server: TestServer,
    home: tempfile::TempDir,
    backend: TemplateBackend,
}

impl Template {
    async fn new() -> Self {
        let server = TestServer::start().await;
        shop::create(&server, "shop").await;
        let home = tempfile::tempdir().unwrap();
        let backend = backend(&server, "shop", &home, |_| {});
        Self { server, home, backend }
    }
}

fn backend(
    server: &TestServer,
    database: &str,
    home: &tempfile::TempDir,
    change: impl FnOnce(&mut TemplateConfig),
) -> TemplateBackend {
    let mut config = TemplateConfig::new(server.dsn(database));
    config.home = Some(home.path().to_owned());
    config.wait = Some(WAIT);
    change(&mut config);
    TemplateBackend::new(config).unwrap()
}

#[async_trait]
impl Stage for Template {
    fn backend(&self) -> &dyn ForkBackend {
        &self.backend
    }

    fn source(&self) -> Dsn {
        self.server.dsn("shop")
    }

    fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    fn name(&self) -> String {
        "template".to_owned()
    }

    async fn leftovers(&self) -> Vec<String> {
        let sql = "SELECT coalesce(string_agg(datname, ' '), '') FROM pg_database \
                   WHERE datname NOT IN ('postgres', 'template0', 'template1', 'shop')";
        let databases = self.server.text("postgres", sql).await;
        let leases = std::fs::read_dir(self.home.path().join("leases")).into_iter().flatten();
        let files = leases.map(|entry| entry.unwrap().path().display().to_string());
        databases.split_whitespace().map(ToOwned::to_owned).chain(files).collect()
    }
}

fork_suite!(super::Template::new);

mod more {
    use super::*;
}
