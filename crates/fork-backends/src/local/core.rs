//! Making, unmaking and sweeping forks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgverse_core::context::Phase;
use pgverse_core::types::{ForkCost, Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Result};

use super::SCHEME;
use super::golden::{self, Golden};
use super::mechanism::{self, Choice, DATA};
use crate::shared::lease::{Lease, Terms, new_id};
use crate::shared::process::{ProcessId, working_in};
use crate::shared::{Account, Holding, Home, Leases, Server, ServerSpec, Settings, StopMode, files, server};

/// Prefix of the names of forks and of their directories.
pub(super) const FORK: &str = "pgverse_fork";
/// How often the removal of a directory is tried again.
const ATTEMPTS: u32 = 20;

/// How long the server of an `initdb` that was ended may take to end too.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where forks are made, as whom and how. Cheap enough to clone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub home: Home,
    pub account: Account,
    pub leases: Leases,
    pub choice: Arc<Choice>,
}

/// Runs work that waits for the disk where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::internal("a file-system task ended without a result").caused_by(e))?
}

/// Makes a fork; what it makes is leased first and removed again if it fails.
pub(super) async fn fork(
    cx: Context,
    place: Place,
    golden: Arc<Golden>,
    terms: Terms,
    settings: Settings,
) -> Result<Universe> {
    let _busy = cx.meter().enter(Phase::Forking);
    let begin = Instant::now();
    cx.check()?;
    let id = new_id(FORK);
    let directory = place.home.forks().join(id.as_str());
    let holds = Holding::Server {
        data: directory.join(DATA),
        socket: server::socket_directory(&directory, id.as_str()),
        directory,
        golden: golden.data(),
        user: golden.meta.user.clone(),
        database: golden.meta.database.clone(),
        postmaster: None,
    };
    let mut lease = place.leases.acquire(id, SCHEME, terms, holds)?;
    lease.mechanism = place.choice.mechanism.to_string();
    match make(&cx, &place, &golden, &settings, &mut lease, begin).await {
        Ok(()) => Ok(lease.universe()),
        Err(error) => {
            if let Err(also) = unmake(&place.home, &place.leases, &lease).await {
                tracing::warn!(error = %also, fork = %lease.id, "a failed fork is left for the next sweep");
            }
            Err(error.with("fork", lease.id))
        }
    }
}

async fn make(
    cx: &Context,
    place: &Place,
    golden: &Golden,
    settings: &Settings,
    lease: &mut Lease,
    begin: Instant,
) -> Result<()> {
    let Holding::Server { directory, data, .. } = lease.holds.clone() else {
        return Err(Error::internal("a lease of another kind"));
    };
    let clone = {
        let (cx, place, source) = (cx.clone(), place.clone(), golden.data());
        let (directory, data, full) = (directory.clone(), data.clone(), golden.meta.bytes);
        move || {
            let mechanism = place.choice.mechanism;
            if !mechanism.is_copy_on_write() {
                files::require_space(&place.home.forks(), full)?;
            }
            place.account.create_private(&directory)?;
            let socket = create_socket_directory(&place.account, &directory)?;
            let cloned = mechanism.clone_data(&cx, &place.account, &source, &data)?;
            Ok((socket, cloned))
        }
    };
    let (socket, cloned) = blocking(clone).await?;
    let spec = ServerSpec {
        programs: &golden.programs,
        account: &place.account,
        data: &data,
        socket: &socket,
        log: &directory.join("log"),
        settings,
    };
    let running = Server::spawn(spec)?;
    if let Holding::Server { postmaster, .. } = &mut lease.holds {
        *postmaster = Some(running.process());
    }
    place.leases.update(lease)?;
    running.ready(cx, &golden.meta.user, &golden.meta.database).await?;
    // Whole microseconds: what is read from the lease again is the same number.
    let seconds = (begin.elapsed().as_secs_f64() * 1e6).round() / 1e6;
    let (choice, source) = (Arc::clone(&place.choice), golden.data());
    let bytes = blocking(move || Ok(choice.own_bytes(cloned, &source, &data))).await?;
    lease.cost = ForkCost { seconds, bytes, full_bytes: golden.meta.bytes };
    place.leases.update(lease)
}

/// The file that ALTER SYSTEM writes.
const ALTERED: &str = "postgresql.auto.conf";
/// The one setting of forks that neither keeps them apart from the world nor spares them work.
const BUFFERS: &str = "shared_buffers";
/// Set on the command line of every fork.
const COMMAND_LINE: [&str; 2] = ["port", "unix_socket_directories"];

/// Starts the server of a fork anew, with what ALTER SYSTEM set on it. Unsupported, and the server untouched, if that
/// is a setting by which forks differ from their source: what it gains on a fork says nothing about the source.
pub(super) async fn restart(
    cx: &Context,
    place: &Place,
    golden: &Golden,
    mut lease: Lease,
    settings: Settings,
) -> Result<()> {
    let Holding::Server { directory, data, socket, postmaster, .. } = lease.holds.clone() else {
        return Err(Error::internal("a lease of another kind"));
    };
    let altered = |data: &Path| std::fs::read_to_string(data.join(ALTERED)).unwrap_or_default();
    let (own, before) = (altered(&data), altered(&golden.data()));
    let set: Vec<&str> = own
        .lines()
        .filter(|line| !before.lines().any(|known| known == *line))
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .collect();
    let of_forks = Settings::for_fork();
    let mut fixed = of_forks.iter().map(|(name, _)| name).chain(COMMAND_LINE).filter(|name| *name != BUFFERS);
    if let Some(name) = fixed.find(|name| set.contains(name)) {
        return Err(Error::new(ErrorKind::Unsupported, format!("forks run with a fixed {name}"))
            .hint("it keeps forks apart from the source, or fast; it cannot be tried"));
    }
    let settings = if set.contains(&BUFFERS) { settings.without(BUFFERS) } else { settings };
    server::stop(postmaster, &data, StopMode::Fast).await?;
    let spec = ServerSpec {
        programs: &golden.programs,
        account: &place.account,
        data: &data,
        socket: &socket,
        log: &directory.join("log"),
        settings: &settings,
    };
    let running = Server::spawn(spec)?;
    if let Holding::Server { postmaster, .. } = &mut lease.holds {
        *postmaster = Some(running.process());
    }
    place.leases.update(&lease)?;
    running.ready(cx, &golden.meta.user, &golden.meta.database).await.map(drop)
}

/// Unmakes what a lease holds, then forgets the lease. What is gone already is fine.
pub(super) async fn unmake(home: &Home, leases: &Leases, lease: &Lease) -> Result<()> {
    let Holding::Server { directory, postmaster, .. } = &lease.holds else {
        return Err(Error::internal("a lease of another kind").with("lease", &lease.id));
    };
    // A lease that was tampered with must not remove anything else.
    if *directory != home.forks().join(lease.id.as_str()) {
        return Err(Error::new(ErrorKind::InvalidInput, "a lease names a directory that is not its own")
            .with("lease", &lease.id)
            .with("directory", directory.display()));
    }
    clear(directory, *postmaster).await?;
    leases.release(&lease.id)
}

/// Ends whatever runs in a fork's or a draft's directory, and removes the directory.
pub(super) async fn clear(directory: &Path, postmaster: Option<ProcessId>) -> Result<()> {
    let data = directory.join(DATA);
    let mut attempt = 0;
    loop {
        server::stop(postmaster, &data, StopMode::Immediate).await?;
        let doomed = directory.to_owned();
        match blocking(move || mechanism::remove(&doomed)).await {
            // What was about to start when its parent was ended may have written one more file.
            Err(error) if attempt < ATTEMPTS => {
                tracing::debug!(%error, "removing it again");
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
}

/// The directory for the socket of a server in `directory`; made if it is another one.
pub(super) fn create_socket_directory(account: &Account, directory: &Path) -> Result<PathBuf> {
    let socket = mechanism::socket_of(directory);
    if socket != directory {
        account.create_private(&socket)?;
    }
    Ok(socket)
}

/// Destroys the forks whose lease is over, and what dead processes left half-made. Tries everything before
/// it reports the first failure.
pub(super) async fn sweep(home: &Home, leases: &Leases) -> Result<Vec<UniverseId>> {
    let mut destroyed = Vec::new();
    let mut failure = None;
    let mut note = |result: Result<()>| match result {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "the sweep cannot remove something");
            failure.get_or_insert(error);
            false
        }
    };
    for lease in leases.list(SCHEME)?.into_iter().filter(Lease::is_over) {
        if note(unmake(home, leases, &lease).await.map_err(|e| e.with("fork", &lease.id))) {
            destroyed.push(lease.id);
        }
    }
    // Directories first, leases second: a lease is older than its directory and outlives it.
    for directory in directories(&home.forks(), FORK)? {
        if !leases.exists(&UniverseId::from(file_name(&directory).as_str())) {
            note(clear(&directory, None).await);
        }
    }
    for directory in directories(&home.golden(), "")? {
        note(golden::sweep(leases, &directory).await);
    }
    failure.map_or(Ok(destroyed), Err)
}

/// Ends tools, such as `pg_basebackup`, that still work on this directory, whoever started them. They are asked
/// first: `initdb` then lets the server that it runs end, which gives its shared memory back.
pub(super) async fn end_tools(directory: &Path) -> Result<()> {
    // Looked for again: what was ended may have started another meanwhile, as `pg_basebackup` does for the log.
    for _ in 0..=ATTEMPTS {
        let mut tools = working_in(directory);
        tools.retain(|process| !process.is_server());
        if tools.is_empty() {
            break;
        }
        for process in tools {
            process.end().await?;
        }
    }
    for process in working_in(directory) {
        // Such a server ends when nobody talks to it any more.
        if process.arguments().iter().any(|argument| argument == "--boot" || argument == "--single") {
            process.gone_within(FAREWELL).await;
        }
    }
    Ok(())
}

fn directories(parent: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(files::failed("cannot list", parent, e)),
    };
    let is_ours = |path: &PathBuf| path.is_dir() && file_name(path).starts_with(prefix);
    Ok(entries.flatten().map(|entry| entry.path()).filter(is_ours).collect())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
