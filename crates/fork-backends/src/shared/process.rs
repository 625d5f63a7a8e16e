//! Processes told apart for sure: a pid alone is reused, a pid with its start time is not.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pgverse_core::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// How long a process that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since boot (`/proc/<pid>/stat`, field 22).
    pub started: u64,
}

impl ProcessId {
    /// This process.
    pub fn current() -> Self {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        Self { pid, started: stat(pid).map_or(0, |s| s.started) }
    }

    /// The running process with this pid; `None` if there is none (a zombie is none).
    pub fn of(pid: i32) -> Option<Self> {
        stat(pid).filter(|s| !s.zombie).map(|s| Self { pid, started: s.started })
    }

    /// Whether this very process still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal to this very process; one that is gone already is fine.
    pub fn signal(self, signal: Signal) -> Result<()> {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) else { return Ok(()) };
        match rustix::process::kill_process(pid, signal) {
            Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
            Err(e) => Err(Error::new(ErrorKind::Process, "cannot signal a process")
                .with("pid", self.pid)
                .caused_by(e)),
        }
    }

    /// Waits until the process is gone, at most this long; whether it is.
    pub async fn gone_within(self, limit: Duration) -> bool {
        let wait = async {
            while self.is_alive() {
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }

    /// Ends this very process: asks it, and does not ask twice.
    pub async fn end(self) -> Result<()> {
        self.signal(Signal::TERM)?;
        if !self.gone_within(PATIENCE).await {
            self.signal(Signal::KILL)?;
            self.gone_within(PATIENCE).await;
        }
        Ok(())
    }

    /// Its working directory, if we may know it.
    pub fn working_directory(self) -> Option<PathBuf> {
        let cwd = std::fs::read_link(format!("/proc/{}/cwd", self.pid)).ok().filter(|_| self.is_alive())?;
        // The kernel marks a directory that was removed meanwhile.
        Some(cwd.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map_or(cwd.clone(), PathBuf::from))
    }

    /// Its command line; empty if we may not know it.
    pub fn arguments(self) -> Vec<String> {
        let bytes = std::fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        if !self.is_alive() {
            return Vec::new();
        }
        bytes.split(|b| *b == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
    }

    /// Name of its program, as the kernel keeps it (15 bytes at most).
    pub fn program(self) -> Option<String> {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.pid)).ok()?;
        self.is_alive().then(|| name.trim_end().to_owned())
    }

    /// Whether it is a server: a postmaster or one of its children.
    pub fn is_server(self) -> bool {
        self.program().is_some_and(|name| name == "postgres")
    }
}

/// Programs of PostgreSQL that we run on directories of ours.
const PROGRAMS: [&str; 5] = ["postgres", "initdb", "pg_basebackup", "pg_dump", "pg_restore"];

/// PostgreSQL's processes on this directory of ours: the postmaster, its children, or a tool at work there.
pub fn working_in(directory: &Path) -> Vec<ProcessId> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| ProcessId::of(entry.file_name().to_str()?.parse().ok()?))
        .filter(|process| works_in(*process, directory))
        .collect()
}

/// Server processes on this data directory: the postmaster and its children.
pub fn servers_in(data: &Path) -> Vec<ProcessId> {
    let mut found = working_in(data);
    found.retain(|process| process.is_server());
    found
}

/// Whether a process of this program runs with this argument.
pub fn any_with_argument(program: &str, argument: &str) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    let processes = entries.flatten().filter_map(|e| ProcessId::of(e.file_name().to_str()?.parse().ok()?));
    processes
        .filter(|process| process.program().is_some_and(|name| name == program))
        .any(|process| process.arguments().iter().any(|own| own == argument))
}

/// Memory of the server on this data directory, bytes: the proportional shares (PSS) of all its processes, so that
/// what several share counts once. `None` where the system does not tell (`/proc/<pid>/smaps_rollup`).
pub fn memory_of(data: &Path) -> Option<u64> {
    let share = |process: ProcessId| {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let shares: Vec<u64> = servers_in(data).into_iter().filter_map(share).collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<u64>() * 1024)
}

/// Whether this process is one of PostgreSQL's programs and works on this directory: by its working directory
/// (which may be deleted already), or by a path among its arguments.
pub fn works_in(process: ProcessId, directory: &Path) -> bool {
    if !process.program().is_some_and(|name| PROGRAMS.contains(&name.as_str())) {
        return false;
    }
    let there = process.working_directory().is_some_and(|cwd| cwd.starts_with(directory));
    there || process.arguments().iter().any(|argument| Path::new(argument).starts_with(directory))
}

struct Stat {
    started: u64,
    zombie: bool,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, field 2, is in parentheses and may hold anything.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?;
    Some(Stat { zombie: matches!(state, "Z" | "X"), started: fields.nth(18)?.parse().ok()? })
}

/// The process that answers for a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Host name.
    pub host: String,
    /// The kernel's id of this boot: after a reboot all processes of before are dead.
    pub boot: String,
    /// The pid namespace: within another container the same pid is another process.
    pub pid_namespace: String,
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
}

/// What is known of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It ended.
    Dead,
    /// It is on another machine or in another container: only the expiry of its lease tells.
    Unknown,
}

impl Owner {
    /// This process.
    pub fn current() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            host: read("/proc/sys/kernel/hostname"),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid_namespace: namespace.to_string_lossy().into_owned(),
            process: ProcessId::current(),
        }
    }

    /// Whether the owner still runs, as seen from here.
    pub fn liveness(&self) -> Liveness {
        let here = Self::current();
        if self.host != here.host || here.boot.is_empty() {
            return Liveness::Unknown;
        }
        if self.boot != here.boot {
            return Liveness::Dead;
        }
        if self.pid_namespace != here.pid_namespace {
            return Liveness::Unknown;
        }
        if self.process.is_alive() { Liveness::Alive } else { Liveness::Dead }
    }
}

impl fmt::Display for Owner {
    /// `host:pid:start`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.process.pid, self.process.started)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn a_process_is_itself_only_until_it_ends() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let process = ProcessId::of(child.id().try_into().unwrap()).unwrap();
        assert!(process.is_alive());
        assert!(!ProcessId { started: process.started + 1, ..process }.is_alive());
        assert!(!process.gone_within(Duration::ZERO).await);
        process.signal(Signal::KILL).unwrap();
        assert!(process.gone_within(Duration::from_secs(30)).await);
        assert!(!process.is_alive(), "a zombie is not alive");
        child.wait().unwrap();
        process.signal(Signal::KILL).unwrap();
    }

    #[test]
    fn owners_are_alive_dead_or_unknown() {
        let me = Owner::current();
        assert_eq!(me.liveness(), Liveness::Alive);
        let mut other = me.clone();
        other.process.started += 1;
        assert_eq!(other.liveness(), Liveness::Dead);
        assert_eq!(Owner { boot: "earlier".into(), ..me.clone() }.liveness(), Liveness::Dead);
        assert_eq!(Owner { pid_namespace: "pid:[1]".into(), ..me.clone() }.liveness(), Liveness::Unknown);
        assert_eq!(Owner { host: "elsewhere".into(), ..me }.liveness(), Liveness::Unknown);
    }

    #[test]
    fn only_servers_in_the_directory_count() {
        let me = ProcessId::current();
        let cwd = std::env::current_dir().unwrap();
        assert_eq!(me.working_directory(), Some(cwd.clone()));
        assert!(!works_in(me, &cwd), "we are no postgres");
        assert!(working_in(Path::new("/nowhere")).is_empty());
    }
}
