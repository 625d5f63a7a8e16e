//! `pgverse fork`: forks by hand.

use std::time::Duration;

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::demo::Demo;
use pgverse::pg::Dsn;
use pgverse::traits::ForkBackend;
use pgverse::types::{Universe, UniverseId};
use pgverse::{Context, Error, ErrorKind, Result};
use serde::Serialize;
use std::sync::Arc;

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
    let backend = open(from, Tenure::Detached(ttl))?;
    super::sweep(cx, backend.as_ref()).await?;
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
            if from.backend == "local" {
                String::new()
            } else {
                format!(" --backend {} --source URL", from.backend)
            },
        )
    })
}

async fn list(cx: &Context, from: &From, json: Option<&JsonTarget>) -> Result<()> {
    json.map_or(Ok(()), JsonTarget::check)?;
    let universes = open(from, Tenure::Run)?.list(cx).await?;
    present(json, &universes, || {
        let mut text = String::new();
        for universe in &universes {
            let size = megabytes(universe.cost.bytes);
            text.push_str(&format!(
                "{}  {}  {size} MB  owner {}  until {}\n",
                universe.id, universe.mechanism, universe.owner, universe.expires
            ));
        }
        text + &count(universes.len(), "fork") + "\n"
    })
}

async fn destroy(cx: &Context, from: &From, id: &UniverseId) -> Result<()> {
    let backend = open(from, Tenure::Run)?;
    if !backend.list(cx).await?.iter().any(|universe| &universe.id == id) {
        return Err(Error::new(ErrorKind::NotFound, "there is no such fork")
            .with("fork", id)
            .hint("`pgverse fork list` shows those that exist"));
    }
    backend.destroy(cx, id).await?;
    output::print(&format!("destroyed {id}\n"))
}

async fn sweep(cx: &Context, from: &From, json: Option<&JsonTarget>) -> Result<()> {
    json.map_or(Ok(()), JsonTarget::check)?;
    let gone = open(from, Tenure::Run)?.sweep(cx).await?;
    present(json, &gone, || {
        let mut text: String = gone.iter().map(|id| format!("destroyed {id}\n")).collect();
        text.push_str(&format!("swept {}\n", count(gone.len(), "fork")));
        text
    })
}

fn open(from: &From, tenure: Tenure) -> Result<Arc<dyn ForkBackend>> {
    let origin = match &from.source {
        Some(url) => Origin::Live(Dsn::parse(url)?),
        None => Origin::Demo(Demo::default()),
    };
    backend(&from.backend, &origin, tenure)
}

fn present(json: Option<&JsonTarget>, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
    if let Some(target) = json {
        target.write(value)?;
    }
    if json.is_some_and(JsonTarget::is_stdout) { Ok(()) } else { output::print(&text()) }
}
