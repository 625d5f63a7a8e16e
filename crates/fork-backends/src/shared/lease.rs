//! Leases: who answers for a fork and until when, on disk before anything else of the fork is.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use pgverse_core::types::{ForkCost, Universe, UniverseId};
use pgverse_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::process::Liveness;
use super::{Home, Owner, ProcessId, files};

/// How long a lease lasts unless it is renewed.
pub const DEFAULT_TTL: Duration = Duration::from_secs(6 * 3600);

/// A lease. Holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// Name of what is leased, unique over all runs.
    pub id: UniverseId,
    /// Backend that made it, such as `local`.
    pub scheme: String,
    /// Process that answers for it; `None` for a fork that is to outlive its maker: only its expiry counts.
    pub owner: Option<Owner>,
    /// When it was made.
    pub created: Timestamp,
    /// After this any sweep may destroy it, whoever owns it.
    pub expires: Timestamp,
    /// Seconds by which a renewal extends it.
    pub ttl_seconds: u64,
    /// How the fork was made; empty until that is known.
    pub mechanism: String,
    /// What it cost; zero until that is known.
    pub cost: ForkCost,
    /// What must be removed with it.
    pub holds: Holding,
}

/// What a lease holds. Names everything before it is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Holding {
    /// A fork with a server of its own.
    Server {
        /// Everything of the fork lies in here.
        directory: PathBuf,
        /// Data directory, also the mount point of an overlay.
        data: PathBuf,
        /// Directory of its socket.
        socket: PathBuf,
        /// Golden directory that it may still read from.
        golden: PathBuf,
        /// Role to connect as.
        user: String,
        /// Database to connect to.
        database: String,
        /// Its postmaster, once that is known.
        postmaster: Option<ProcessId>,
    },
    /// A database on a server that is not ours.
    Database {
        /// Host name or socket directory.
        host: String,
        /// Port.
        port: u16,
        /// Role that made it.
        user: String,
        /// Name of the database.
        database: String,
    },
}

impl Lease {
    /// Whether a sweep may take it: its owner is dead, or it has expired.
    pub fn is_over(&self) -> bool {
        self.expires < Timestamp::now() || self.owner.as_ref().is_some_and(|o| o.liveness() == Liveness::Dead)
    }

    /// The owner as reports show it: `host:pid:start`, or `detached`.
    pub fn owner_text(&self) -> String {
        self.owner.as_ref().map_or_else(|| "detached".to_owned(), ToString::to_string)
    }

    /// The fork as reports show it.
    pub fn universe(&self) -> Universe {
        Universe {
            id: self.id.clone(),
            backend: self.scheme.clone(),
            mechanism: self.mechanism.clone(),
            cost: self.cost,
            owner: self.owner_text(),
            expires: self.expires.to_string(),
        }
    }
}

/// A name such as `pgverse_fork_k3v9x2abcd`: ten characters of base 32, 50 random bits; it is also a
/// PostgreSQL identifier that needs no quotes.
pub fn new_id(prefix: &str) -> UniverseId {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bits: u64 = rand::random();
    let random = std::iter::repeat_with(|| {
        let letter = char::from(ALPHABET[(bits % 32) as usize]);
        bits /= 32;
        letter
    });
    UniverseId::from(format!("{prefix}_{}", random.take(10).collect::<String>()))
}

/// The leases of one home: a JSON file each.
#[derive(Debug, Clone)]
pub struct Leases {
    directory: PathBuf,
}

/// Who answers for a new lease and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long it lasts unless it is renewed.
    pub ttl: Duration,
    /// Whether it is to outlive this process.
    pub detached: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { ttl: DEFAULT_TTL, detached: false }
    }
}

impl Leases {
    /// The leases of this home, which must have been created.
    pub fn of(home: &Home) -> Self {
        Self { directory: home.leases() }
    }

    /// Records a new lease, before anything of what it holds is created.
    pub fn acquire(&self, id: UniverseId, scheme: &str, terms: Terms, holds: Holding) -> Result<Lease> {
        let created = Timestamp::now();
        let lease = Lease {
            id,
            scheme: scheme.to_owned(),
            owner: (!terms.detached).then(Owner::current),
            created,
            expires: after(created, terms.ttl.as_secs())?,
            ttl_seconds: terms.ttl.as_secs(),
            mechanism: String::new(),
            cost: ForkCost::default(),
            holds,
        };
        self.update(&lease)?;
        Ok(lease)
    }

    /// Writes a changed lease over the old one, whole or not at all.
    pub fn update(&self, lease: &Lease) -> Result<()> {
        let path = self.path(&lease.id);
        let draft = path.with_extension(draft_extension(ProcessId::current()));
        let text = serde_json::to_vec_pretty(lease)
            .map_err(|e| Error::internal("a lease cannot be written as JSON").caused_by(e))?;
        std::fs::write(&draft, text)
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(|e| files::failed("cannot write the lease", &path, e))
    }

    /// Extends a lease by its time to live from now: use is the heartbeat.
    pub fn renew(&self, lease: &mut Lease) -> Result<()> {
        lease.expires = after(Timestamp::now(), lease.ttl_seconds)?;
        self.update(lease)
    }

    /// Forgets a lease, after what it held is gone; one that is gone already is fine.
    pub fn release(&self, id: &UniverseId) -> Result<()> {
        files::remove_file(&self.path(id))
    }

    /// The lease of this name, if there is one.
    pub fn get(&self, id: &UniverseId) -> Result<Option<Lease>> {
        if id.as_str().is_empty() || !id.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Ok(None);
        }
        let path = self.path(id);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| {
                Error::new(ErrorKind::Disk, "the lease cannot be read")
                    .with("path", path.display())
                    .caused_by(e)
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(files::failed("cannot read the lease", &path, e)),
        }
    }

    /// All leases of a scheme, oldest first. What cannot be read is skipped; if it has not been touched for
    /// [`DEFAULT_TTL`], a crash of the machine tore it and it is removed.
    pub fn list(&self, scheme: &str) -> Result<Vec<Lease>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(files::failed("cannot list the leases", &self.directory, e)),
        };
        let mut leases = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(text) = std::fs::read(&path) else { continue };
            if path.extension().is_some_and(|e| e == "json")
                && let Ok(lease) = serde_json::from_slice::<Lease>(&text)
            {
                leases.push(lease);
            } else if is_dead_draft(&path) || untouched(&path) {
                tracing::warn!(path = %path.display(), "removing an unreadable lease");
                files::remove_file(&path)?;
            }
        }
        leases.retain(|lease| lease.scheme == scheme);
        leases.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(leases)
    }

    /// Whether a lease file of this name exists, readable or not.
    pub fn exists(&self, id: &UniverseId) -> bool {
        self.path(id).exists()
    }

    fn path(&self, id: &UniverseId) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }
}

fn after(from: Timestamp, seconds: u64) -> Result<Timestamp> {
    i64::try_from(seconds)
        .ok()
        .and_then(|s| from.checked_add(jiff::SignedDuration::from_secs(s)).ok())
        .ok_or_else(|| Error::invalid("the time to live of a lease is too long").with("seconds", seconds))
}

/// A draft tells whose it is: it was perhaps killed before it could write anything into it.
fn draft_extension(owner: ProcessId) -> String {
    format!("{}-{}.tmp", owner.pid, owner.started)
}

/// Whether this is the draft of a process that is gone.
fn is_dead_draft(path: &Path) -> bool {
    let owner = || {
        let name = path.file_name()?.to_str()?.strip_suffix(".tmp")?;
        let (pid, started) = name.rsplit_once('.')?.1.split_once('-')?;
        Some(ProcessId { pid: pid.parse().ok()?, started: started.parse().ok()? })
    };
    owner().is_some_and(|owner| !owner.is_alive())
}

fn untouched(path: &Path) -> bool {
    let age = |t: SystemTime| SystemTime::now().duration_since(t).unwrap_or_default();
    path.metadata().and_then(|m| m.modified()).is_ok_and(|t| age(t) > DEFAULT_TTL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(name: &str) -> Holding {
        Holding::Database { host: "localhost".into(), port: 5432, user: "u".into(), database: name.into() }
    }

    fn leases() -> (tempfile::TempDir, Leases) {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::resolve(Some(directory.path())).unwrap();
        home.create().unwrap();
        (directory, Leases::of(&home))
    }

    #[test]
    fn a_lease_is_listed_from_acquire_to_release() {
        let (_directory, leases) = leases();
        let lease =
            leases.acquire(new_id("pgverse_fork"), "template", Terms::default(), database("d")).unwrap();
        assert_eq!(leases.list("template").unwrap(), vec![lease.clone()]);
        assert!(leases.list("local").unwrap().is_empty());
        assert_eq!(leases.get(&lease.id).unwrap().as_ref(), Some(&lease));
        assert!(!lease.is_over());
        leases.release(&lease.id).unwrap();
        leases.release(&lease.id).unwrap();
        assert_eq!(leases.get(&lease.id).unwrap(), None);
    }

    #[test]
    fn a_draft_goes_with_its_writer() {
        let (_directory, leases) = leases();
        let live = ProcessId::current();
        let dead = ProcessId { started: live.started + 1, ..live };
        let draft = |owner| leases.path(&"pgverse_fork_x".into()).with_extension(draft_extension(owner));
        for owner in [live, dead] {
            std::fs::write(draft(owner), "{").unwrap();
        }
        assert!(leases.list("local").unwrap().is_empty());
        assert!(draft(live).exists(), "somebody is about to write it");
        assert!(!draft(dead).exists());
    }

    #[test]
    fn a_lease_ends_with_its_owner_or_its_time() {
        let (_directory, leases) = leases();
        let at_once = Terms { ttl: Duration::ZERO, detached: true };
        let mut lease = leases.acquire(new_id("x"), "local", at_once, database("d")).unwrap();
        lease.expires = lease.created;
        assert!(lease.is_over());
        lease.ttl_seconds = 60;
        leases.renew(&mut lease).unwrap();
        assert!(!lease.is_over());
        assert_eq!(lease.owner_text(), "detached");

        let mut owner = Owner::current();
        owner.process.started += 1;
        lease.owner = Some(owner);
        assert!(lease.is_over());
    }

    #[test]
    fn names_are_unique_and_need_no_quotes() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| new_id("pgverse_fork")).collect();
        assert_eq!(ids.len(), 1000);
        let id = new_id("pgverse_fork");
        assert_eq!(pgverse_core::pg::quote::ident(id.as_str()), id.as_str());
        assert_eq!(id.as_str().len(), "pgverse_fork_".len() + 10);
    }

    #[test]
    fn a_torn_lease_is_skipped_and_a_name_is_no_path() {
        let (directory, leases) = leases();
        std::fs::write(directory.path().join("leases/torn.json"), "{").unwrap();
        assert!(leases.list("local").unwrap().is_empty());
        assert!(leases.exists(&"torn".into()));
        assert_eq!(leases.get(&"torn".into()).unwrap_err().kind(), ErrorKind::Disk);
        assert_eq!(leases.get(&"../leases/torn".into()).unwrap(), None);
    }
}
