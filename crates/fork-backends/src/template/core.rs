//! Making, unmaking and sweeping forks.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use pgverse_core::context::Phase;
use pgverse_core::pg::{Dsn, Session};
use pgverse_core::types::{ForkCost, Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Result};

use super::SCHEME;
use super::config::TemplateConfig;
use super::create::create;
use super::database::{self, PREFIX};
use super::server::{Facts, maintenance};
use super::settings;
use crate::shared::lease::new_id;
use crate::shared::{Holding, Home, Lease, Leases};

/// How long clean-up after a failed fork may take.
const CLEANUP_LIMIT: Duration = Duration::from_secs(60);

/// Where forks are made and recorded. Cheap enough to clone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) config: TemplateConfig,
    pub(super) home: Home,
    pub(super) leases: Leases,
}

impl Place {
    pub(super) fn new(config: TemplateConfig) -> Result<Self> {
        let home = Home::resolve(config.home.as_deref())?;
        Ok(Self { config, leases: Leases::of(&home), home })
    }

    pub(super) fn source(&self) -> &Dsn {
        &self.config.dsn
    }

    /// A session on the fork's server that is neither on the source nor on a fork.
    pub(super) async fn session(&self, cx: &Context, purpose: &str) -> Result<Session> {
        maintenance(cx, self.source(), purpose).await
    }

    /// Makes a fork of the database `template`; what it makes is leased first and removed again if it fails.
    pub(super) async fn fork(self, cx: Context, facts: Facts, template: String) -> Result<Universe> {
        let _busy = cx.meter().enter(Phase::Forking);
        let begin = Instant::now();
        cx.check()?;
        let (id, dsn) = (new_id(PREFIX), self.source());
        let holds = Holding::Database {
            host: dsn.host(),
            port: dsn.port(),
            user: dsn.user().to_owned(),
            database: id.as_str().to_owned(),
        };
        let mut lease = self.leases.acquire(id, SCHEME, self.config.terms, holds)?;
        match self.make(&cx, &facts, &template, &mut lease, begin).await {
            Ok(()) => Ok(lease.universe()),
            Err(error) => {
                self.give_up(&cx, &lease.id).await;
                Err(error.with("fork", lease.id))
            }
        }
    }

    async fn make(
        &self,
        cx: &Context,
        facts: &Facts,
        template: &str,
        lease: &mut Lease,
        begin: Instant,
    ) -> Result<()> {
        let name = lease.id.as_str().to_owned();
        let session = self.session(cx, &database::purpose(&lease.id)).await?;
        let made = create(cx, &session, &self.config, template, facts, &lease.id).await?;
        made.mechanism.clone_into(&mut lease.mechanism);
        database::mark(cx, &session, lease).await?;
        settings::copy(cx, &session, self.source().database(), &name).await?;
        // A session has answered a query when `connect` returns.
        Session::connect(cx, &self.source().with_database(&name), "fork").await?;
        let seconds = begin.elapsed().as_secs_f64();
        lease.cost = ForkCost { seconds, bytes: made.bytes, full_bytes: made.full_bytes };
        self.leases.update(lease)?;
        database::mark(cx, &session, lease).await
    }

    /// Removes a fork that failed or that nobody wants any more, whatever became of the context.
    pub(super) async fn give_up(&self, cx: &Context, id: &UniverseId) {
        let cx = cx.for_cleanup().with_deadline(CLEANUP_LIMIT);
        if let Err(error) = self.destroy(&cx, id).await {
            tracing::warn!(%error, fork = %id, "a failed fork is left for the next sweep");
        }
    }

    pub(super) async fn destroy(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        database::require_fork(id)?;
        let session = self.session(cx, "destroy").await?;
        self.unmake(cx, &session, id).await
    }

    pub(super) async fn unmake(&self, cx: &Context, session: &Session, id: &UniverseId) -> Result<()> {
        database::remove(cx, session, id).await?;
        self.leases.release(id)
    }

    /// Connection string of a fork that exists.
    pub(super) async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn> {
        database::require_fork(id)?;
        let dsn = self.source().with_database(id.as_str());
        if let Some(mut lease) = self.leases.get(id)?.filter(|lease| self.is_here(lease)) {
            // Use is the heartbeat. Each renewal also goes to the server, so not every use is one.
            let left = lease.expires.duration_since(Timestamp::now()).as_secs_f64();
            if left < lease.ttl_seconds as f64 / 2.0 {
                self.leases.renew(&mut lease)?;
                let session = self.session(cx, "renew").await?;
                database::mark(cx, &session, &lease).await?;
            }
            return Ok(dsn);
        }
        let session = self.session(cx, "look up").await?;
        if database::marks(cx, &session).await?.iter().any(|lease| lease.id == *id) {
            return Ok(dsn);
        }
        Err(Error::new(ErrorKind::NotFound, "there is no such fork")
            .with("fork", id)
            .with("server", self.source())
            .hint("list the forks with: pgverse fork list"))
    }

    /// Leases of this server, those on disk first; a database that has only its comment counts too.
    pub(super) async fn known(&self, cx: &Context, session: &Session) -> Result<Vec<Lease>> {
        let mut known = self.leases.list(SCHEME)?;
        known.retain(|lease| self.is_here(lease));
        for mark in database::marks(cx, session).await? {
            if known.iter().all(|lease| lease.id != mark.id) {
                known.push(mark);
            }
        }
        Ok(known)
    }

    /// Whether a lease is for a database of this server.
    fn is_here(&self, lease: &Lease) -> bool {
        let dsn = self.source();
        matches!(&lease.holds, Holding::Database { host, port, .. } if *host == dsn.host() && *port == dsn.port())
    }

    /// Destroys the forks of this server whose lease is over. Tries everything before it reports the first
    /// failure.
    pub(super) async fn sweep(&self, cx: &Context, session: &Session) -> Result<Vec<UniverseId>> {
        let mut destroyed = Vec::new();
        let mut failure = None;
        for lease in self.known(cx, session).await?.into_iter().filter(Lease::is_over) {
            match self.unmake(cx, session, &lease.id).await {
                Ok(()) => destroyed.push(lease.id),
                Err(error) => {
                    tracing::warn!(%error, fork = %lease.id, "the sweep cannot remove a fork");
                    failure.get_or_insert(error.with("fork", lease.id));
                }
            }
        }
        failure.map_or(Ok(destroyed), Err)
    }
}
