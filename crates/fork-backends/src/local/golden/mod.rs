//! Golden images: cleanly stopped data directories that forks are cloned from.

mod draft;
mod facts;
mod live;
mod logical;
mod physical;
mod script;

use std::fs::File;
use std::path::{Path, PathBuf};

use pgverse_core::pg::{Dsn, Session, quote};
use pgverse_core::{Context, Error, Result};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

pub(super) use draft::{BUILDING, Draft, lock_exclusive};

use super::core::{self, Place};
use super::mechanism::{self, DATA};
use super::{GoldenSource, LocalConfig};
use crate::shared::{Account, Holding, Home, Leases, Programs, Server, ServerSpec, Settings, files, server};

/// Changes whenever what we put into an image changes, so that older ones are built anew.
const FORMAT: u32 = 3;

/// Says that an image is whole, and what is in it.
const META: &str = "golden.json";

/// Prefix of images made from scripts; they stay.
const SCRIPT: &str = "script";

/// Prefix of images copied from a server that stay, because that was asked for.
const KEPT: &str = "kept";

/// Prefix of images that belong to one backend and go with it.
const RUN: &str = "run";

/// A golden image in use: nobody removes it before this is dropped.
#[derive(Debug)]
pub(super) struct Golden {
    pub programs: Programs,
    pub meta: Meta,
    directory: PathBuf,
    lock: File,
    /// Set for an image that goes with this value, unless a fork still reads from it.
    temporary: Option<Leases>,
}

/// What is in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// [`FORMAT`] when it was built.
    pub format: u32,
    /// Server version that it belongs to, such as `15.18`.
    pub version: String,
    /// Database that is forked.
    pub database: String,
    /// A superuser that may log in.
    pub user: String,
    /// Disk that the data directory takes, bytes.
    pub bytes: u64,
}

impl Golden {
    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join(DATA)
    }

    /// The whole image in this directory, if there is one.
    fn open(programs: &Programs, directory: &Path) -> Result<Option<Self>> {
        let Some(lock) = draft::lock_shared(directory)? else { return Ok(None) };
        let Ok(text) = std::fs::read(directory.join(META)) else { return Ok(None) };
        let Ok(meta) = serde_json::from_slice::<Meta>(&text) else { return Ok(None) };
        // A data directory that is a mount of its own may not be there after a restart of the machine.
        let whole = meta.format == FORMAT && directory.join(DATA).join("PG_VERSION").is_file();
        let golden =
            Self { programs: programs.clone(), meta, directory: directory.to_owned(), lock, temporary: None };
        Ok(whole.then_some(golden))
    }

    /// Major version of the image in this directory, if there is one.
    fn major_of(directory: &Path) -> Option<u32> {
        let meta: Meta = serde_json::from_slice(&std::fs::read(directory.join(META)).ok()?).ok()?;
        meta.version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }
}

impl Drop for Golden {
    fn drop(&mut self) {
        let Some(leases) = &self.temporary else { return };
        if is_forked(leases, &self.directory).unwrap_or(true) {
            return;
        }
        let alone = flock(&self.lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        if alone && let Err(error) = mechanism::remove(&self.directory) {
            tracing::warn!(%error, "a golden image is left for the next sweep");
        }
    }
}

/// The image that the options ask for; built if need be.
pub(super) async fn obtain(cx: &Context, place: &Place, config: &LocalConfig) -> Result<Golden> {
    match &config.golden {
        Some(GoldenSource::Script { name, sql }) => {
            let programs = match &config.programs {
                Some(directory) => Programs::at(directory)?,
                None => Programs::find(config.major)?,
            };
            script::obtain(cx, place, programs, name, sql).await
        }
        Some(GoldenSource::Server(dsn)) => live::obtain(cx, place, config, dsn).await,
        None => Err(Error::invalid("the local backend was given nothing to fork")
            .hint("name a source with --source, or use the demo")),
    }
}

/// Removes an image that is dead: one that a dead process was building, or one that is not whole.
pub(super) async fn sweep(leases: &Leases, directory: &Path) -> Result<()> {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let stays = directory.join(META).is_file() && !name.starts_with(BUILDING) && !name.starts_with(RUN);
    if stays || is_forked(leases, directory)? {
        return Ok(());
    }
    match lock_exclusive(directory)? {
        Some(_lock) => abandon(directory).await,
        None => Ok(()),
    }
}

/// Removes the image that a fork read from, if it was made for one run, that run has ended, and no other fork
/// needs it.
pub(super) async fn forsake(home: &Home, leases: &Leases, holds: &Holding) -> Result<()> {
    let Holding::Server { golden, .. } = holds else { return Ok(()) };
    match golden.parent() {
        // A lease that was tampered with must not remove anything else.
        Some(directory) if directory.parent() == Some(&home.golden()) => sweep(leases, directory).await,
        _ => Ok(()),
    }
}

/// Ends whatever still works in a half-built image, and removes it.
pub(super) async fn abandon(directory: &Path) -> Result<()> {
    core::end_tools(directory).await?;
    core::clear(directory, None).await
}

/// Whether forks may still read from this image.
pub(super) fn is_forked(leases: &Leases, directory: &Path) -> Result<bool> {
    let of_this =
        |holds: &Holding| matches!(holds, Holding::Server { golden, .. } if golden.starts_with(directory));
    Ok(leases.list(super::SCHEME)?.iter().any(|lease| of_this(&lease.holds)))
}

/// The images of this label in the home, whole or not, the one that was finished last first.
fn images_of(home: &Home, label: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(home.golden()) else { return Vec::new() };
    let of_label = |path: &PathBuf| {
        let label_of = |name: &str| name.rsplit_once('-').is_some_and(|parts| parts.0 == label);
        path.join(DATA).is_dir() && path.file_name().and_then(|name| name.to_str()).is_some_and(label_of)
    };
    let mut images: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(of_label).collect();
    images.sort_by_key(|path| path.join(META).metadata().and_then(|meta| meta.modified()).ok());
    images.reverse();
    images
}

/// Removes the images of this label but the current one, unless somebody uses them.
fn remove_outdated(place: &Place, label: &str, current: &Path) {
    for path in images_of(&place.home, label) {
        if path == current || is_forked(&place.leases, &path).unwrap_or(true) {
            continue;
        }
        if let Ok(Some(_lock)) = lock_exclusive(&path)
            && let Err(error) = mechanism::remove(&path)
        {
            tracing::warn!(%error, "an outdated golden image is left behind");
        }
    }
}

/// Swaps a filled draft in, or clears away what a failure left.
async fn complete(draft: Draft, filled: Result<Meta>, directory: &Path) -> Result<(Meta, File)> {
    let swap = |draft: Draft, mut meta: Meta, directory: &Path| {
        draft.flush()?;
        mechanism::seal(draft.path())?;
        meta.bytes = files::occupied(&draft.path().join(DATA));
        let text = serde_json::to_vec_pretty(&meta)
            .map_err(|e| Error::internal("a golden image's description cannot be written").caused_by(e))?;
        let path = draft.path().join(META);
        std::fs::write(&path, text).map_err(|e| files::failed("cannot write", &path, e))?;
        // What has this name is not whole, or it would have been used.
        if let Some(_lock) = lock_exclusive(directory)? {
            mechanism::remove(directory)?;
        }
        let lock = draft.finish(directory)?;
        mechanism::moved(directory)?;
        Ok((meta, lock))
    };
    match filled {
        Ok(meta) => {
            let directory = directory.to_owned();
            core::blocking(move || {
                let path = draft.path().to_owned();
                swap(draft, meta, &directory).inspect_err(|_| drop(mechanism::remove(&path)))
            })
            .await
        }
        Err(error) => {
            if let Err(also) = abandon(draft.path()).await {
                tracing::warn!(error = %also, "a half-built golden image is left for the next sweep");
            }
            Err(error)
        }
    }
}

/// Starts the server of a draft for building.
async fn start(
    cx: &Context,
    account: &Account,
    programs: &Programs,
    draft: &Path,
    settings: &Settings,
    user: &str,
) -> Result<(Server, Dsn)> {
    let data = draft.join(DATA);
    let socket = core::create_socket_directory(account, draft)?;
    let log = draft.join("log");
    let spec = ServerSpec { programs, account, data: &data, socket: &socket, log: &log, settings };
    let running = Server::spawn(spec)?;
    let dsn = running.ready(cx, user, "template1").await?;
    Ok((running, dsn))
}

/// Settings for building, over those of a fork: as little WAL as possible, none of it kept.
fn building() -> Settings {
    Settings::default()
        .with("wal_level", "minimal")
        .with("shared_buffers", "256MB")
        .with("maintenance_work_mem", "256MB")
        .with("work_mem", "64MB")
}

/// The programs' `initdb` into a draft.
async fn new_cluster(cx: &Context, place: &Place, programs: &Programs, draft: &Path) -> Result<()> {
    let data = draft.join(DATA);
    place.choice.mechanism.create_golden(&place.account, &data)?;
    server::initdb(cx, programs, &place.account, &data, &Settings::for_fork()).await
}

/// Drops the other databases but template1: what a fork costs depends on the number of files.
async fn drop_others(cx: &Context, session: &Session) -> Result<()> {
    let others = "SELECT datname FROM pg_database WHERE datname NOT IN (current_database(), 'template1')";
    for name in names(cx, session, others).await? {
        let name = quote::ident(&name);
        let undo = format!("ALTER DATABASE {name} IS_TEMPLATE false");
        let dropped = match session.batch(cx, &undo).await {
            Ok(()) => session.batch(cx, &format!("DROP DATABASE {name}")).await,
            failed => failed,
        };
        // One that cannot go (a subscription lives in it) only takes space.
        if let Err(error) = dropped {
            cx.check()?;
            tracing::warn!(%error, database = name, "a database stays in the golden image");
        }
    }
    Ok(())
}

/// The only column of a query, as texts.
async fn names(cx: &Context, session: &Session, sql: &str) -> Result<Vec<String>> {
    let rows = session.rows(cx, sql, &[]).await?;
    let read = |e| Error::internal("a name cannot be read").caused_by(e);
    rows.iter().map(|row| row.try_get(0).map_err(read)).collect()
}
