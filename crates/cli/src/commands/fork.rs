//! `pgverse fork`: forks by hand.

use std::time::Duration;

use pgverse::backends;
use pgverse::host::{self, ForkRequest, SourceRequest};
use pgverse::pg::Dsn;
use pgverse::types::{Universe, UniverseId};
use pgverse::{Context, Result};
use serde::Serialize;

use crate::args::{Fork, From};
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;
use crate::output::units::{count, megabytes, significant};

pub(crate) async fn run(cx: &Context, command: Fork) -> Result<Outcome> {
    match command {
        Fork::Create { from, ttl, json } => create(cx, &from, ttl, json.json.as_ref()).await?,
        Fork::List { from, json } => list(cx, &from, json.json.as_ref()).await?,
        Fork::Destroy { id, from } => destroy(cx, &from, &id.as_str().into()).await?,
        Fork::Sweep { from, json } => sweep(cx, &from, json.json.as_ref()).await?,
    }
    Ok(Outcome::Done)
}

async fn create(cx: &Context, from: &From, ttl: Duration, json: Option<&JsonTarget>) -> Result<()> {
    json.map_or(Ok(()), JsonTarget::check)?;
    super::sweep(cx, source(from)?.as_ref()).await?;
    let mut request = ForkRequest {
        source: from.source.clone().map(Into::into),
        ttl_seconds: ttl.as_secs_f64(),
        ..ForkRequest::default()
    };
    if let Some(backend) = &from.backend {
        request.backend.clone_from(backend);
    }
    let created = host::fork(cx, request).await?;
    present(json, &created, || {
        let universe = &created.universe;
        format!(
            "{} by {} in {} ms, until {}\nconnect: psql '{}'\ndestroy: pgverse fork destroy {}{}\n",
            universe.id,
            universe.mechanism,
            significant(universe.cost.seconds * 1e3),
            universe.expires,
            created.dsn,
            universe.id,
            if universe.backend == "local" { "" } else { " --source URL" },
        )
    })
}

async fn list(cx: &Context, from: &From, json: Option<&JsonTarget>) -> Result<()> {
    json.map_or(Ok(()), JsonTarget::check)?;
    let mut universes = backends::list(cx, source(from)?.as_ref()).await?;
    universes.retain(|universe| from.backend.as_ref().is_none_or(|name| *name == universe.backend));
    present(json, &universes, || {
        let mut text = String::new();
        for universe in &universes {
            let (size, Universe { id, backend, mechanism, owner, expires, .. }) =
                (megabytes(universe.cost.bytes), universe);
            text.push_str(&format!(
                "{id}  {backend}: {mechanism}, {size} MB  owner {owner}  until {expires}\n"
            ));
        }
        text + &count(universes.len(), "fork") + "\n"
    })
}

async fn destroy(cx: &Context, from: &From, id: &UniverseId) -> Result<()> {
    let request = SourceRequest { source: from.source.clone().map(Into::into) };
    host::destroy(cx, id, request).await?;
    output::print(&format!("destroyed {id}\n"))
}

async fn sweep(cx: &Context, from: &From, json: Option<&JsonTarget>) -> Result<()> {
    json.map_or(Ok(()), JsonTarget::check)?;
    let swept = backends::sweep(cx, source(from)?.as_ref()).await?;
    present(json, &swept.destroyed, || {
        let mut text: String = swept.destroyed.iter().map(|id| format!("destroyed {id}\n")).collect();
        text.push_str(&format!("swept {}\n", count(swept.destroyed.len(), "fork")));
        text
    })?;
    swept.errors.into_iter().next().map_or(Ok(()), Err)
}

fn source(from: &From) -> Result<Option<Dsn>> {
    from.source.as_deref().map(Dsn::parse).transpose()
}

fn present(json: Option<&JsonTarget>, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
    if let Some(target) = json {
        target.write(value)?;
    }
    if json.is_some_and(JsonTarget::is_stdout) { Ok(()) } else { output::print(&text()) }
}
