//! `pgverse fork`: forks by hand.

use std::time::Duration;

use pgverse::backends::{self, Origin, Tenure, backend};
use pgverse::demo::Demo;
use pgverse::pg::Dsn;
use pgverse::types::{Universe, UniverseId};
use pgverse::{Context, Error, ErrorKind, Result};
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

/// A fork and how to reach it. The password, if the source needs one, is not told: the user has it.
#[derive(Serialize)]
struct Created {
    #[serde(flatten)]
    universe: Universe,
    dsn: String,
}

async fn create(cx: &Context, from: &From, ttl: Duration, json: Option<&JsonTarget>) -> Result<()> {
    json.map_or(Ok(()), JsonTarget::check)?;
    let name = from.backend.as_deref().unwrap_or("local");
    let backend = backend(name, &origin(from)?, Tenure::Detached(ttl))?;
    super::sweep(cx, source(from)?.as_ref()).await?;
    backend.prepare(cx).await?;
    let universe = backend.fork(cx).await?;
    let dsn = match backend.dsn(cx, &universe.id).await {
        Ok(dsn) => dsn.to_string(),
        Err(error) => {
            // Nobody was told its name, so nobody would destroy it.
            backend.destroy(&cx.for_cleanup(), &universe.id).await?;
            return Err(error);
        }
    };
    let created = Created { universe, dsn };
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
    let forks = backends::list(cx, source(from)?.as_ref()).await?;
    let Some(fork) = forks.iter().find(|universe| &universe.id == id) else {
        return Err(Error::new(ErrorKind::NotFound, "there is no such fork")
            .with("fork", id)
            .hint("`pgverse fork list` shows those that exist"));
    };
    backend(&fork.backend, &origin(from)?, Tenure::Run)?.destroy(cx, id).await?;
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

fn origin(from: &From) -> Result<Origin> {
    Ok(source(from)?.map_or(Origin::Demo(Demo::default()), Origin::Live))
}

fn present(json: Option<&JsonTarget>, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
    if let Some(target) = json {
        target.write(value)?;
    }
    if json.is_some_and(JsonTarget::is_stdout) { Ok(()) } else { output::print(&text()) }
}
