//! Images copied from a live server: physically where that is possible, by dump and restore otherwise.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pgverse_core::pg::{Dsn, Session};
use pgverse_core::{Context, Error, ErrorKind, Event, Result};

use super::super::LocalConfig;
use super::super::core::Place;
use super::super::mechanism::DATA;
use super::facts::Facts;
use super::{Draft, FORMAT, Golden, KEPT, Meta, RUN, draft, logical, physical};
use crate::shared::lease::new_id;
use crate::shared::{Programs, files, run};

/// Time between two words on how far a copy is.
const PROGRESS: Duration = Duration::from_secs(2);

/// The image of the database behind this connection string: one kept from before if that is wished, else a
/// new one.
pub(super) async fn obtain(cx: &Context, place: &Place, config: &LocalConfig, dsn: &Dsn) -> Result<Golden> {
    if !config.keep_golden {
        let directory = place.home.golden().join(new_id(RUN).as_str());
        let mut golden = copy(cx, place, config, dsn, &directory).await?;
        golden.temporary = Some(place.leases.clone());
        return Ok(golden);
    }
    let kind = place.choice.mechanism.golden_kind();
    let key = blake3::hash(format!("{dsn} {} {kind}", place.account.uid()).as_bytes()).to_hex();
    let label = format!("{KEPT}-{}", &key[..16]);
    let _name = draft::lock_name(cx, &place.home, &label).await?;
    if !config.refresh {
        for directory in super::images_of(&place.home, &label) {
            if let Some(major) = Golden::major_of(&directory)
                && let Some(golden) = Golden::open(&programs(config, major)?, &directory)?
            {
                super::remove_outdated(place, &label, &directory);
                return Ok(golden);
            }
        }
    }
    // Beside the one that others may be using, which goes once they are done.
    let directory = place.home.golden().join(new_id(&format!("{label}-")).as_str());
    let golden = copy(cx, place, config, dsn, &directory).await?;
    super::remove_outdated(place, &label, &directory);
    Ok(golden)
}

async fn copy(
    cx: &Context,
    place: &Place,
    config: &LocalConfig,
    dsn: &Dsn,
    directory: &Path,
) -> Result<Golden> {
    let facts = Facts::read(cx, dsn).await?;
    let local = programs(config, facts.major());
    let reason = match (&local, facts.against_physical()) {
        (_, Some(reason)) => reason,
        (Err(error), None) => error.message().to_owned(),
        (Ok(programs), None) => match try_physical(cx, place, programs, dsn, &facts, directory).await? {
            Ok(golden) => return Ok(golden),
            Err(reason) => reason,
        },
    };
    let programs = match local.and_then(|found| {
        logical::TOOLS.map(|name| found.tool(name)).into_iter().collect::<Result<Vec<_>>>().map(|_| found)
    }) {
        Ok(programs) => programs,
        Err(error) => newest(config, facts.major()).map_err(|_| error)?,
    };
    let mut what = format!("copying database {} by pg_dump, because {reason}", facts.database);
    if programs.version().major != facts.major() {
        what.push_str(&format!(
            "; the copy runs PostgreSQL {}, the source {}: plans may differ",
            programs.version(),
            facts.version
        ));
    }
    cx.emit(Event::Preparing { what });
    // The dump, uncompressed, lies beside what is restored from it.
    files::require_space(&place.home.golden(), 2 * facts.bytes + (128 << 20))?;
    let draft = Draft::create(&place.home, &place.account)?;
    let filled = Box::pin(logical::fill(cx, place, &programs, dsn, &facts, draft.path())).await;
    finish(draft, filled, programs, directory).await
}

/// A physical copy, or the reason why it has to be a logical one.
async fn try_physical(
    cx: &Context,
    place: &Place,
    programs: &Programs,
    dsn: &Dsn,
    facts: &Facts,
    directory: &Path,
) -> Result<Result<Golden, String>> {
    // It copies from servers that are older than itself, too.
    let tool = programs
        .tool(physical::TOOL)
        .or_else(|_| Programs::with_tools(facts.major(), &[physical::TOOL])?.tool(physical::TOOL));
    let tool = match tool {
        Ok(tool) => tool,
        Err(error) => return Ok(Err(error.message().to_owned())),
    };
    cx.emit(Event::Preparing {
        what: format!("copying the server of database {} by pg_basebackup", facts.database),
    });
    files::require_space(&place.home.golden(), facts.cluster_bytes + facts.cluster_bytes / 20 + (128 << 20))?;
    let draft = Draft::create(&place.home, &place.account)?;
    match Box::pin(physical::fill(cx, place, programs, &tool, dsn, facts, draft.path())).await {
        Err(error) => match physical::obstacle(&error) {
            Some(reason) => {
                super::abandon(draft.path()).await?;
                Ok(Err(reason))
            }
            None => finish(draft, Err(error), programs.clone(), directory).await.map(Ok),
        },
        filled => finish(draft, filled, programs.clone(), directory).await.map(Ok),
    }
}

async fn finish(draft: Draft, filled: Result<Meta>, programs: Programs, directory: &Path) -> Result<Golden> {
    let (meta, lock) = super::complete(draft, filled, directory).await?;
    Ok(Golden { programs, meta, directory: directory.to_owned(), lock, temporary: None })
}

fn programs(config: &LocalConfig, major: u32) -> Result<Programs> {
    match &config.programs {
        Some(directory) => Programs::at(directory).and_then(|found| match found.version().major {
            right if right == major => Ok(found),
            _ => Err(Error::new(ErrorKind::NotFound, "the PostgreSQL programs are of another major version")
                .with("found", found.version())
                .with("wanted", major)),
        }),
        None => Programs::find(Some(major)),
    }
}

/// Programs of a later major version: `pg_dump` reads servers that are older than itself.
fn newest(config: &LocalConfig, major: u32) -> Result<Programs> {
    let found = match &config.programs {
        Some(directory) => Programs::at(directory)?,
        None => match config.major {
            Some(wanted) => Programs::find(Some(wanted))?,
            None => Programs::with_tools(major, &logical::TOOLS).or_else(|_| Programs::find(None))?,
        },
    };
    if found.version().major < major {
        return Err(Error::new(ErrorKind::Unsupported, "the installed PostgreSQL is older than the source")
            .with("installed", found.version())
            .with("source", major)
            .hint(format!("install it with `apt-get install postgresql-{major}`")));
    }
    Ok(found)
}

/// Runs a program that fills `path` and tells how far it is.
pub(super) async fn run_with_progress(cx: &Context, command: Command, path: &Path, total: u64) -> Result<()> {
    let work = run::run(cx, command);
    tokio::pin!(work);
    loop {
        match tokio::time::timeout(PROGRESS, &mut work).await {
            Ok(done) => return done.map(drop),
            Err(_) => {
                let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
                let what =
                    format!("copied {} of about {} MB", megabytes(files::occupied(path)), megabytes(total));
                cx.emit(Event::Preparing { what });
            }
        }
    }
}

/// An error if the local installation lacks extensions that the database uses.
pub(super) async fn require_extensions(cx: &Context, session: &Session, facts: &Facts) -> Result<()> {
    let sql = "SELECT coalesce(string_agg(name, ', '), '') FROM json_array_elements_text($1::json) name \
               WHERE name NOT IN (SELECT name FROM pg_available_extensions)";
    let wanted = serde_json::to_string(&facts.extensions)
        .map_err(|e| Error::internal("names cannot be written as JSON").caused_by(e))?;
    let missing = session.text(cx, sql, &[Some(wanted)]).await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "extensions of the source are not installed here")
        .with("extensions", missing)
        .hint("install their packages for the local PostgreSQL, or use the template backend"))
}

/// What a copy of these facts is.
pub(super) fn meta(facts: &Facts, programs: &Programs, user: &str) -> Meta {
    Meta {
        format: FORMAT,
        version: programs.version().to_string(),
        database: facts.database.clone(),
        user: user.to_owned(),
        bytes: 0,
    }
}

/// Writes the configuration of forks into a draft whose server was stopped.
pub(super) fn configure(place: &Place, draft: &Path, settings: &crate::shared::Settings) -> Result<()> {
    crate::shared::server::configure(&place.account, &draft.join(DATA), settings)
}
