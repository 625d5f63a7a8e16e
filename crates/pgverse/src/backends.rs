//! Fork backends by name or URL.

use std::sync::Arc;
use std::time::Duration;

use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Result};
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse_fork_backends::shared::lease::Terms;
use pgverse_fork_backends::shared::{Home, Leases};
use pgverse_fork_backends::template::{self, TemplateBackend, TemplateConfig};

use crate::demo::{self, Demo};

/// Names of the backends.
pub const NAMES: &[&str] = &["local", "template"];

/// What is forked.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
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

/// The backend of this name, such as `local`, or of this URL, such as `local:?mechanism=copy`.
///
/// # Errors
/// `NotFound` for an unknown name, with those that are known; `Unsupported` where the backend cannot fork
/// this origin; whatever is wrong with the URL.
pub fn backend(name_or_url: &str, origin: &Origin, tenure: Tenure) -> Result<Arc<dyn ForkBackend>> {
    let name = name_or_url.split([':', '?']).next().unwrap_or_default();
    match name {
        "local" => {
            let mut config = LocalConfig::from_url(name_or_url)?;
            config.golden = Some(match origin {
                Origin::Demo(demo) => {
                    GoldenSource::Script { name: demo::DATABASE.to_owned(), sql: demo.scripts() }
                }
                Origin::Live(dsn) => GoldenSource::Server(dsn.clone()),
            });
            if let Some(terms) = terms(tenure) {
                config.terms = terms;
            }
            Ok(Arc::new(LocalBackend::new(config)?))
        }
        "template" => {
            let Origin::Live(dsn) = origin else {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the template backend forks a database on a running server",
                )
                .hint("name the database with --source, or take the backend local"));
            };
            let mut config = TemplateConfig::from_url(name_or_url, dsn.clone())?;
            if let Some(terms) = terms(tenure) {
                config.terms = terms;
            }
            Ok(Arc::new(TemplateBackend::new(config)?))
        }
        _ => Err(Error::new(ErrorKind::NotFound, "there is no such fork backend")
            .with("backend", name)
            .hint(format!("the backends are: {}", NAMES.join(", ")))),
    }
}

/// What a sweep of all backends did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Forks that are gone now.
    pub destroyed: Vec<UniverseId>,
    /// What could not be done: forks on a server that cannot be reached.
    pub errors: Vec<Error>,
}

/// Destroys the forks of dead runs, whichever backend made them: those on this machine, those that the leases
/// of this home name on servers, and, with a source, those that its server knows of.
///
/// # Errors
/// If a fork of this machine cannot be destroyed, or the source cannot be reached.
pub async fn sweep(cx: &Context, source: Option<&Dsn>) -> Result<Swept> {
    let mut swept = Swept { destroyed: keeper()?.sweep(cx).await?, errors: Vec::new() };
    if let Some(dsn) = source {
        let there = TemplateBackend::new(TemplateConfig::new(dsn.clone()))?.sweep(cx).await?;
        swept.destroyed.extend(there);
    }
    let elsewhere = template::sweep_leases(cx, None).await?;
    swept.destroyed.extend(elsewhere.destroyed);
    swept.errors = elsewhere.errors;
    Ok(swept)
}

/// Every fork that has a lease in this home, and, with a source, every one that its server knows of.
///
/// # Errors
/// If leases cannot be read, or the source cannot be reached.
pub async fn list(cx: &Context, source: Option<&Dsn>) -> Result<Vec<Universe>> {
    let mut forks = keeper()?.list(cx).await?;
    let leases = Leases::of(&Home::resolve(None)?).list("template")?;
    forks.extend(leases.iter().map(|lease| lease.universe()));
    if let Some(dsn) = source {
        let there = TemplateBackend::new(TemplateConfig::new(dsn.clone()))?.list(cx).await?;
        let unknown = |universe: &Universe| forks.iter().all(|fork| fork.id != universe.id);
        let more: Vec<Universe> = there.into_iter().filter(unknown).collect();
        forks.extend(more);
    }
    Ok(forks)
}

/// The local backend for forks that exist already.
fn keeper() -> Result<LocalBackend> {
    LocalBackend::new(LocalConfig::default())
}

fn terms(tenure: Tenure) -> Option<Terms> {
    match tenure {
        Tenure::Run => None,
        Tenure::Detached(ttl) => Some(Terms { ttl, detached: true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_backend_names_those_that_are_known() {
        let error = backend("zfs", &Origin::Demo(Demo::default()), Tenure::Run).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.way_out(), Some("the backends are: local, template"));
        let error = backend("template", &Origin::Demo(Demo::default()), Tenure::Run).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
