//! Servers of our own: made by `initdb`, run by `postgres` directly, on a Unix socket alone.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use pgverse_core::pg::{Dsn, Session};
use pgverse_core::{Context, Error, ErrorKind, Result};
use rustix::process::Signal;
use tokio::sync::watch;

use super::process::{ProcessId, servers_in, works_in};
use super::{Account, Programs, Settings, files, run};

/// Superuser of the servers that we make ourselves.
pub const SUPERUSER: &str = "postgres";

/// Port of all our servers: they listen on sockets in directories of their own, so it only names the file.
pub const PORT: u16 = 5432;

/// Longest path of a Unix socket (`sun_path` in unix(7), without the final zero; macOS has four less).
const SOCKET_PATH_LIMIT: usize = 103;

/// How long a server may take to start; a crash recovery counts too.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Shortest useful wait between two looks.
const POLL: Duration = Duration::from_micros(500);

/// Makes a new cluster: UTF-8, superuser [`SUPERUSER`], everyone who reaches its socket is trusted, and these
/// settings alone in its `postgresql.conf`. The data directory must not exist; its parent must belong to the
/// account.
pub async fn initdb(
    cx: &Context,
    programs: &Programs,
    account: &Account,
    data: &Path,
    settings: &Settings,
) -> Result<()> {
    account.require_reach(&programs.initdb())?;
    account.require_reach(data)?;
    let init = |locale: &str| {
        let mut command = account.command(&programs.initdb());
        command
            .args(["--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"])
            .arg(format!("--username={SUPERUSER}"))
            .arg(format!("--locale={locale}"))
            .arg("-D")
            .arg(data);
        run::run(cx, command)
    };
    // Not every system has C.UTF-8; `initdb` says so before it makes anything.
    match init("C.UTF-8").await {
        Err(e) if e.to_string().contains("invalid locale") => init("C").await,
        other => other,
    }
    .map_err(|e| e.with("data", data.display()))?;
    configure(account, data, settings)
}

/// Replaces a cluster's configuration: these settings, and trust for whoever reaches its private socket.
pub fn configure(account: &Account, data: &Path, settings: &Settings) -> Result<()> {
    let hba = "local all all trust\nlocal replication all trust\n";
    for (name, text) in [
        ("postgresql.conf", settings.to_conf()),
        ("postgresql.auto.conf", String::new()),
        ("pg_hba.conf", hba.to_owned()),
        ("pg_ident.conf", String::new()),
    ] {
        let path = data.join(name);
        std::fs::write(&path, text).map_err(|e| files::failed("cannot write", &path, e))?;
        account.give(&path)?;
    }
    Ok(())
}

/// A directory for a server's socket: `preferred` if a socket path in it is short enough, else a new private
/// one under the system's temporary directory, named by `id`. Nothing is created.
pub fn socket_directory(preferred: &Path, id: &str) -> PathBuf {
    let length = |d: &Path| d.as_os_str().len() + format!("/.s.PGSQL.{PORT}.lock").len();
    if length(preferred) <= SOCKET_PATH_LIMIT {
        return preferred.to_owned();
    }
    let mine = std::env::temp_dir().join(id);
    if length(&mine) <= SOCKET_PATH_LIMIT { mine } else { Path::new("/tmp").join(id) }
}

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct ServerSpec<'a> {
    /// Programs to run.
    pub programs: &'a Programs,
    /// User to run as; owns the data directory.
    pub account: &'a Account,
    /// Data directory, configured.
    pub data: &'a Path,
    /// Existing private directory for the socket; see [`socket_directory`].
    pub socket: &'a Path,
    /// File for what the server says.
    pub log: &'a Path,
    /// Settings for this start alone, over those of the data directory.
    pub settings: &'a Settings,
}

/// How to end a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are ended, a checkpoint is written: the data directory is whole afterwards.
    Fast,
    /// At once; the data directory is thrown away.
    Immediate,
}

/// A running server that we started.
#[derive(Debug)]
pub struct Server {
    process: ProcessId,
    data: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Server {
    /// Starts `postgres` and returns at once, so that the caller can record its process id; follow with
    /// [`Server::ready`]. The server outlives this value.
    pub fn spawn(spec: ServerSpec<'_>) -> Result<Self> {
        let open = |write: &mut std::fs::OpenOptions| write.append(true).create(true).open(spec.log);
        let log =
            open(&mut std::fs::OpenOptions::new()).map_err(|e| files::failed("cannot open", spec.log, e))?;
        let also = log.try_clone().map_err(|e| files::failed("cannot open", spec.log, e))?;
        let mut command = spec.account.command(&spec.programs.postgres());
        command.arg("-D").arg(spec.data).arg("-k").arg(spec.socket).arg("-p").arg(PORT.to_string());
        for (name, value) in spec.settings.iter() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdin(Stdio::null()).stdout(also).stderr(log);
        let failed = || {
            Error::new(ErrorKind::Process, "cannot start the server")
                .with("program", spec.programs.postgres().display())
        };
        let mut child = tokio::process::Command::from(command).spawn().map_err(|e| failed().caused_by(e))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let (tell, ended) = watch::channel(None);
        let process = pid.and_then(ProcessId::of);
        // Reaps it whenever it ends, whoever ends it.
        tokio::spawn(async move {
            let status = child.wait().await.ok();
            tell.send_replace(status);
        });
        let Some(process) = process else {
            return Err(failed().with("log", files::tail(spec.log)));
        };
        Ok(Self {
            process,
            data: spec.data.to_owned(),
            socket: spec.socket.to_owned(),
            log: spec.log.to_owned(),
            ended,
        })
    }

    /// Waits until the server answers a query as this user in this database.
    ///
    /// # Errors
    /// `Process` with the end of its log if it ends instead; `Timeout`; `Cancelled`.
    pub async fn ready(&self, cx: &Context, user: &str, database: &str) -> Result<Dsn> {
        let dsn = self.dsn(user, database);
        // Boxed: the futures of a connection are large, and callers nest deeply.
        let wait = Box::pin(async {
            // The postmaster writes its state into its lock file; asking by connection attempts would make
            // it fork for each.
            while !self.says_ready() {
                self.check_alive()?;
                tokio::time::sleep(POLL).await;
            }
            loop {
                // A session has answered a query when `connect` returns.
                match Box::pin(Session::connect(cx, &dsn, "start")).await {
                    Err(e) if matches!(e.kind(), ErrorKind::Busy | ErrorKind::Connection) => {
                        tracing::debug!(error = %e, "the server does not accept connections yet");
                        self.check_alive()?;
                        tokio::time::sleep(POLL).await;
                    }
                    other => return other.map(drop),
                }
            }
        });
        let limited = async {
            tokio::time::timeout(START_LIMIT, wait).await.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Timeout, "the server did not start in time")
                    .with("data", self.data.display())
                    .with("log", files::tail(&self.log)))
            })
        };
        cx.guard(limited).await?;
        Ok(dsn)
    }

    /// The postmaster.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// How to connect.
    pub fn dsn(&self, user: &str, database: &str) -> Dsn {
        Dsn::socket(&self.socket, PORT, user, database)
    }

    /// Ends the server and waits until it is gone. Gone already is fine.
    pub async fn stop(&self, mode: StopMode) -> Result<()> {
        stop(Some(self.process), &self.data, mode).await
    }

    /// The eighth line of `postmaster.pid` holds the state (PostgreSQL's `pidfile.h`).
    fn says_ready(&self) -> bool {
        let Ok(text) = std::fs::read_to_string(self.data.join("postmaster.pid")) else { return false };
        let mut lines = text.lines();
        lines.next().is_some_and(|pid| pid.trim() == self.process.pid.to_string())
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    fn check_alive(&self) -> Result<()> {
        let status = *self.ended.borrow();
        if status.is_none() && self.process.is_alive() {
            return Ok(());
        }
        let mut error = Error::new(ErrorKind::Process, "the server ended while it started")
            .with("data", self.data.display())
            .with("log", files::tail(&self.log));
        if let Some(status) = status {
            error = error.with("status", status);
        }
        Err(error)
    }
}

/// The postmaster that runs on this data directory according to its lock file, if that is true.
pub fn postmaster_of(data: &Path) -> Option<ProcessId> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let process = ProcessId::of(text.lines().next()?.trim().parse().ok()?)?;
    works_in(process, data).then_some(process)
}

/// Ends the server on a data directory and waits until all its processes are gone. The postmaster is the
/// given one if it still runs on that directory, else the one of the lock file, else whatever server process
/// has that working directory. No other process is ever signalled.
pub async fn stop(postmaster: Option<ProcessId>, data: &Path, mode: StopMode) -> Result<()> {
    let postmaster =
        postmaster.filter(|p| p.is_alive() && works_in(*p, data)).or_else(|| postmaster_of(data));
    if let Some(postmaster) = postmaster {
        let (signal, limit) = match mode {
            StopMode::Fast => (Signal::INT, Duration::from_secs(120)),
            StopMode::Immediate => (Signal::QUIT, Duration::from_secs(6)),
        };
        postmaster.signal(signal)?;
        if postmaster.gone_within(limit).await {
            return Ok(());
        }
        postmaster.signal(Signal::KILL)?;
        postmaster.gone_within(Duration::from_secs(10)).await;
    }
    // Children of a postmaster that was killed end by themselves only when they next look.
    for process in servers_in(data) {
        process.signal(Signal::KILL)?;
        if !process.gone_within(Duration::from_secs(10)).await {
            return Err(
                Error::new(ErrorKind::Process, "a server process does not end").with("pid", process.pid)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_socket_paths_are_avoided() {
        let short = Path::new("/var/lib/pgverse/forks/pgverse_fork_abcdefghij");
        assert_eq!(socket_directory(short, "x"), short);
        let long = PathBuf::from(format!("/{}", "d".repeat(90)));
        assert_eq!(
            socket_directory(&long, "pgverse_fork_abcdefghij"),
            std::env::temp_dir().join("pgverse_fork_abcdefghij")
        );
    }

    #[test]
    fn a_stale_lock_file_names_no_postmaster() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(postmaster_of(data.path()), None);
        std::fs::write(data.path().join("postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(postmaster_of(data.path()), None, "we are no server");
    }
}
