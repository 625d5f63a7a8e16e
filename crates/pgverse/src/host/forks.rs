//! Forks by hand.

use pgverse_core::types::{Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Result};
use serde::Serialize;

use super::request::{ForkRequest, SourceRequest, dsn, origin, seconds};
use crate::backends::{self, Tenure, backend};

/// A fork and how to reach it. The password, if the source needs one, is not told: the user has it.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Fork {
    /// The fork.
    #[serde(flatten)]
    pub universe: Universe,
    /// Connection string without its password.
    pub dsn: String,
}

/// Makes a fork that stays until it is destroyed or its time is over.
///
/// # Errors
/// Whatever keeps the backend from making it; nothing is left then.
pub async fn fork(cx: &Context, request: ForkRequest) -> Result<Fork> {
    let ttl = seconds("ttl_seconds", request.ttl_seconds)?;
    let origin = origin(request.source.as_ref(), request.demo_scale)?;
    let backend = backend(&request.backend, &origin, Tenure::Detached(ttl))?;
    backend.prepare(cx).await?;
    let universe = backend.fork(cx).await?;
    match backend.dsn(cx, &universe.id).await {
        Ok(dsn) => Ok(Fork { universe, dsn: dsn.to_string() }),
        Err(error) => {
            // Nobody was told its name, so nobody would destroy it.
            backend.destroy(&cx.for_cleanup(), &universe.id).await?;
            Err(error)
        }
    }
}

/// Every fork that has a lease on this machine, and, with a source, every one that its server knows of.
///
/// # Errors
/// If leases cannot be read, or the source cannot be reached.
pub async fn forks(cx: &Context, request: SourceRequest) -> Result<Vec<Universe>> {
    backends::list(cx, request.source.as_ref().map(dsn).transpose()?.as_ref()).await
}

/// Destroys one fork.
///
/// # Errors
/// `NotFound` where there is none of this name.
pub async fn destroy(cx: &Context, id: &UniverseId, request: SourceRequest) -> Result<()> {
    let source = request.source.as_ref().map(dsn).transpose()?;
    let found = backends::list(cx, source.as_ref()).await?;
    let Some(fork) = found.iter().find(|universe| &universe.id == id) else {
        return Err(Error::new(ErrorKind::NotFound, "there is no such fork")
            .with("fork", id)
            .hint("`pgverse fork list` shows those that exist"));
    };
    let origin = origin(request.source.as_ref(), 1.0)?;
    backend(&fork.backend, &origin, Tenure::Run)?.destroy(cx, id).await
}

/// Destroys the forks of runs that died, and returns their names.
///
/// # Errors
/// If a fork cannot be destroyed, or a server cannot be reached.
pub async fn sweep(cx: &Context, request: SourceRequest) -> Result<Vec<UniverseId>> {
    let swept = backends::sweep(cx, request.source.as_ref().map(dsn).transpose()?.as_ref()).await?;
    swept.errors.into_iter().next().map_or(Ok(swept.destroyed), Err)
}
