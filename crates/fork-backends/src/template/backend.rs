//! The trait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Capability, CostModel, ForkCost, Isolation, Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use super::config::TemplateConfig;
use super::core::{self, PREFIX, SCHEME};
use super::create::create;
use super::server::{self, Facts, maintenance};
use super::{host, settings};
use crate::shared::lease::new_id;
use crate::shared::{Holding, Home, Lease, Leases};

/// How long clean-up after a failed fork may take.
const CLEANUP_LIMIT: Duration = Duration::from_secs(60);

/// Forks by `CREATE DATABASE … TEMPLATE`; see the module's documentation.
#[derive(Debug)]
pub struct TemplateBackend {
    config: TemplateConfig,
    home: Home,
    leases: Leases,
    facts: OnceCell<Facts>,
    /// Whether a fork was seen to share blocks with the source.
    cloned: AtomicBool,
}

impl TemplateBackend {
    /// A backend for one source database. Connects to nothing.
    pub fn new(config: TemplateConfig) -> Result<Self> {
        let home = Home::resolve(config.home.as_deref())?;
        let leases = Leases::of(&home);
        Ok(Self { config, home, leases, facts: OnceCell::new(), cloned: AtomicBool::new(false) })
    }

    async fn facts(&self, cx: &Context) -> Result<&Facts> {
        self.facts
            .get_or_try_init(|| async {
                self.home.create()?;
                server::check(cx, &self.config.dsn).await
            })
            .await
    }

    fn holding(&self, id: &UniverseId) -> Holding {
        let dsn = &self.config.dsn;
        Holding::Database {
            host: dsn.host(),
            port: dsn.port(),
            user: dsn.user().to_owned(),
            database: id.as_str().to_owned(),
        }
    }

    /// Whether a lease is for a database of this server.
    fn is_here(&self, lease: &Lease) -> bool {
        let dsn = &self.config.dsn;
        matches!(&lease.holds, Holding::Database { host, port, .. } if *host == dsn.host() && *port == dsn.port())
    }

    /// Everything between the lease and the first answer.
    async fn make(&self, cx: &Context, facts: &Facts, lease: &mut Lease) -> Result<()> {
        let begin = Instant::now();
        let dsn = &self.config.dsn;
        let session = maintenance(cx, dsn, &core::purpose(&lease.id)).await?;
        let made = create(cx, &session, &self.config, facts, &lease.id).await?;
        made.mechanism.clone_into(&mut lease.mechanism);
        core::mark(cx, &session, lease).await?;
        settings::copy(cx, &session, dsn.database(), lease.id.as_str()).await?;
        // A session has answered a query when `connect` returns.
        Session::connect(cx, &dsn.with_database(lease.id.as_str()), "fork").await?;
        let seconds = begin.elapsed().as_secs_f64();
        lease.cost = ForkCost { seconds, bytes: made.bytes, full_bytes: made.full_bytes };
        self.leases.update(lease)?;
        core::mark(cx, &session, lease).await?;
        if lease.mechanism == "create_database_clone" {
            self.cloned.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Leases of this server, those on disk first; a database that has only its comment counts too.
    async fn known(&self, cx: &Context, session: &Session) -> Result<Vec<Lease>> {
        let mut known = self.leases.list(SCHEME)?;
        known.retain(|lease| self.is_here(lease));
        for mark in core::marks(cx, session).await? {
            if known.iter().all(|lease| lease.id != mark.id) {
                known.push(mark);
            }
        }
        Ok(known)
    }

    async fn remove(&self, cx: &Context, session: &Session, id: &UniverseId) -> Result<()> {
        core::remove(cx, session, id).await?;
        self.leases.release(id)
    }
}

#[async_trait]
impl ForkBackend for TemplateBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn capability(&self) -> Capability {
        Capability {
            parallel: 8,
            isolation: Isolation::SharedServer,
            copy_on_write: self.cloned.load(Ordering::Relaxed),
            superuser: self.facts.get().is_some_and(|facts| facts.superuser),
            same_machine: host::is_here(&self.config.dsn),
            cost: CostModel::default(),
        }
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        self.facts(cx).await.map(drop)
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        let facts = self.facts(cx).await?;
        cx.check()?;
        let id = new_id(PREFIX);
        let mut lease = self.leases.acquire(id.clone(), SCHEME, self.config.terms, self.holding(&id))?;
        match self.make(cx, facts, &mut lease).await {
            Ok(()) => Ok(lease.universe()),
            Err(error) => {
                if let Err(left) = self.destroy(&cx.for_cleanup().with_deadline(CLEANUP_LIMIT), &id).await {
                    tracing::warn!(fork = %id, error = %left, "a failed fork could not be removed; its lease stays");
                }
                Err(error)
            }
        }
    }

    async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn> {
        core::require_fork(id)?;
        let dsn = self.config.dsn.with_database(id.as_str());
        if let Some(mut lease) = self.leases.get(id)?.filter(|lease| self.is_here(lease)) {
            // Use is the heartbeat. Each renewal also goes to the server, so not every use is one.
            let left = lease.expires.duration_since(Timestamp::now()).as_secs_f64();
            if left < lease.ttl_seconds as f64 / 2.0 {
                self.leases.renew(&mut lease)?;
                let session = maintenance(cx, &self.config.dsn, "renew").await?;
                core::mark(cx, &session, &lease).await?;
            }
            return Ok(dsn);
        }
        let session = maintenance(cx, &self.config.dsn, "look up").await?;
        if core::marks(cx, &session).await?.iter().any(|lease| lease.id == *id) {
            return Ok(dsn);
        }
        Err(Error::new(ErrorKind::NotFound, "there is no such fork")
            .with("fork", id)
            .with("server", &self.config.dsn)
            .hint("list the forks with: pgverse fork list"))
    }

    async fn destroy(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        core::require_fork(id)?;
        let session = maintenance(cx, &self.config.dsn, "destroy").await?;
        self.remove(cx, &session, id).await
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Universe>> {
        let session = maintenance(cx, &self.config.dsn, "list").await?;
        Ok(self.known(cx, &session).await?.iter().map(Lease::universe).collect())
    }

    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>> {
        let session = maintenance(cx, &self.config.dsn, "sweep").await?;
        let mut swept = Vec::new();
        let mut failed = None;
        for lease in self.known(cx, &session).await?.iter().filter(|lease| lease.is_over()) {
            match self.remove(cx, &session, &lease.id).await {
                Ok(()) => swept.push(lease.id.clone()),
                // The others go first; this one is tried again by the next sweep.
                Err(error) => {
                    failed.get_or_insert(error.with("fork", &lease.id));
                }
            }
        }
        failed.map_or(Ok(swept), Err)
    }
}
