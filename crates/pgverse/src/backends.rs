//! Fork backends by name.

use std::sync::Arc;
use std::time::Duration;

use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_core::{Error, Result};
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse_fork_backends::shared::lease::Terms;

use crate::demo::Demo;

/// What is forked.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The demo shop.
    Demo(Demo),
    /// A database on a running server.
    Live(Dsn),
}

/// Who answers for the forks that a backend makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// This process: a sweep destroys them when it is dead.
    Run,
    /// Nobody: they stay until they are destroyed, or for this time, after which a sweep may destroy them.
    Detached(Duration),
}

/// Names of the backends.
pub const NAMES: &[&str] = &["local", "template"];

/// A backend by name or URL, such as `local` or `local:?mechanism=copy`.
///
/// # Errors
/// `InvalidInput` for a name that nobody has, listing those that exist.
pub fn backend(name: &str, origin: &Origin, tenure: Tenure) -> Result<Arc<dyn ForkBackend>> {
    let terms = match tenure {
        Tenure::Run => Terms::default(),
        Tenure::Detached(ttl) => Terms { ttl, detached: true },
    };
    let scheme = name.split([':', '?']).next().unwrap_or(name);
    match scheme {
        "local" => {
            let golden = match origin {
                Origin::Demo(demo) => {
                    GoldenSource::Script { name: crate::demo::DATABASE.to_owned(), sql: demo.scripts() }
                }
                Origin::Live(dsn) => GoldenSource::Server(dsn.clone()),
            };
            let config = LocalConfig { golden: Some(golden), terms, ..LocalConfig::from_url(name)? };
            Ok(Arc::new(LocalBackend::new(config)?))
        }
        _ => Err(Error::invalid("there is no such fork backend")
            .with("backend", name)
            .hint(format!("the backends are {}", NAMES.join(", ")))),
    }
}
