//! The local backend.

use std::sync::Arc;

use async_trait::async_trait;
use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Capability, CostModel, Isolation, Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Event, Result};
use tokio::sync::Mutex;

use super::core::{self, Place};
use super::golden::{self, Golden};
use super::{LocalConfig, Mechanism, SCHEME};
use crate::shared::shield::shielded;
use crate::shared::{Account, Holding, Home, Leases, Settings, server};

/// Most forks alive at once: each takes some 10 MB of memory and a process or six.
const PARALLEL: usize = 64;

/// Forks are servers of their own on this machine, each on a clone of a golden data directory.
#[derive(Debug)]
pub struct LocalBackend {
    config: LocalConfig,
    place: Place,
    golden: Mutex<Option<Arc<Golden>>>,
}

impl LocalBackend {
    /// A backend with these options. Finds out which mechanism works in its home; builds nothing yet.
    ///
    /// # Errors
    /// `Unsupported` if a mechanism was asked for that does not work there; `Permission` or `Disk` if the
    /// home cannot be made.
    pub fn new(config: LocalConfig) -> Result<Self> {
        let home = Home::resolve(config.home.as_deref())?;
        let account = Account::resolve()?;
        home.create()?;
        account.require_reach(&home.forks().join("fork"))?;
        let choice = Mechanism::choose(config.mechanism, &home, &account)?;
        let place = Place { leases: Leases::of(&home), home, account, choice: Arc::new(choice) };
        Ok(Self { config, place, golden: Mutex::default() })
    }

    /// How forks are made here.
    pub fn mechanism(&self) -> Mechanism {
        self.place.choice.mechanism
    }

    /// The golden image, built at the first call.
    async fn golden(&self, cx: &Context) -> Result<Arc<Golden>> {
        let mut slot = self.golden.lock().await;
        if let Some(golden) = &*slot {
            return Ok(Arc::clone(golden));
        }
        let (place, config) = (self.place.clone(), self.config.clone());
        let build = |cx| async move { golden::obtain(&cx, &place, &config).await.map(Arc::new) };
        let golden = shielded(cx, build, |unused| async move { drop(unused) }).await?;
        *slot = Some(Arc::clone(&golden));
        Ok(golden)
    }

    /// Says which mechanism was fallen back to, and what would be faster.
    fn announce(&self, cx: &Context) {
        let choice = &self.place.choice;
        if choice.mechanism.is_copy_on_write() || self.config.mechanism.is_some() {
            return;
        }
        let what = format!(
            "forks are full copies, because {} has no copy-on-write ({}); a home on XFS or btrfs makes them in milliseconds",
            self.place.home.path().display(),
            choice.rejected.join("; ")
        );
        cx.emit(Event::Preparing { what });
    }
}

#[async_trait]
impl ForkBackend for LocalBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn capability(&self) -> Capability {
        Capability {
            parallel: PARALLEL,
            isolation: Isolation::OwnServer,
            copy_on_write: self.mechanism().is_copy_on_write(),
            superuser: true,
            same_machine: true,
            cost: CostModel::default(),
        }
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        // What others left must not keep us from working.
        if let Err(error) = self.sweep(cx).await {
            tracing::warn!(%error, "the sweep at the start failed");
        }
        self.announce(cx);
        self.golden(cx).await.map(drop)
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        let golden = self.golden(cx).await?;
        let mut settings = Settings::default();
        if let Some(size) = &self.config.shared_buffers {
            settings = settings.with("shared_buffers", size);
        }
        let (place, terms) = (self.place.clone(), self.config.terms);
        let (home, leases) = (self.place.home.clone(), self.place.leases.clone());
        let undo = |unwanted: Universe| async move {
            if let Err(error) = destroy(&home, &leases, &unwanted.id).await {
                tracing::warn!(%error, fork = %unwanted.id, "a cancelled fork is left for the next sweep");
            }
        };
        shielded(cx, |cx| core::fork(cx, place, golden, terms, settings), undo).await
    }

    async fn dsn(&self, _: &Context, id: &UniverseId) -> Result<Dsn> {
        let missing = || Error::new(ErrorKind::NotFound, "there is no such fork").with("fork", id);
        let mut lease = self.place.leases.get(id)?.ok_or_else(missing)?;
        let Holding::Server { socket, user, database, .. } = &lease.holds else { return Err(missing()) };
        let dsn = Dsn::socket(socket, server::PORT, user, database);
        self.place.leases.renew(&mut lease)?;
        Ok(dsn)
    }

    async fn destroy(&self, _: &Context, id: &UniverseId) -> Result<()> {
        let (home, leases, id) = (self.place.home.clone(), self.place.leases.clone(), id.clone());
        // On a task of its own, so that it is whole also if nobody waits for it.
        tokio::spawn(async move { destroy(&home, &leases, &id).await })
            .await
            .map_err(|e| Error::internal("a task ended without a result").caused_by(e))?
    }

    async fn list(&self, _: &Context) -> Result<Vec<Universe>> {
        Ok(self.place.leases.list(SCHEME)?.iter().map(|lease| lease.universe()).collect())
    }

    async fn sweep(&self, _: &Context) -> Result<Vec<UniverseId>> {
        core::sweep(&self.place.home, &self.place.leases).await
    }
}

async fn destroy(home: &Home, leases: &Leases, id: &UniverseId) -> Result<()> {
    match leases.get(id)? {
        Some(lease) if lease.scheme == SCHEME => core::unmake(home, leases, &lease).await,
        _ => Ok(()),
    }
}
