//! The local backend.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Capability, CostModel, Isolation, Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Event, Result};
use tokio::sync::Mutex;

use super::core::{self, Place};
use super::golden::{self, Golden};
use super::mechanism::Choice;
use super::{LocalConfig, Mechanism, SCHEME};
use crate::shared::shield::shielded;
use crate::shared::{Account, Holding, Home, Leases, Settings, process, server};

/// Most forks alive at once: each takes some 10 MB of memory and a process or six.
const PARALLEL: usize = 64;

/// Forks are servers of their own on this machine, each on a clone of a golden data directory.
#[derive(Debug)]
pub struct LocalBackend {
    config: LocalConfig,
    home: Home,
    account: Account,
    leases: Leases,
    choice: OnceLock<Arc<Choice>>,
    golden: Mutex<Option<Arc<Golden>>>,
}

impl LocalBackend {
    /// A backend with these options. Makes its home; tries and builds nothing yet.
    ///
    /// # Errors
    /// `Permission` or `Disk` if the home cannot be made or the servers' user cannot reach it; `NotFound` if
    /// there is no user to run servers as.
    pub fn new(config: LocalConfig) -> Result<Self> {
        let home = Home::resolve(config.home.as_deref())?;
        let account = Account::resolve()?;
        home.create()?;
        account.require_reach(&home.forks().join("fork"))?;
        let leases = Leases::of(&home);
        Ok(Self { config, home, account, leases, choice: OnceLock::new(), golden: Mutex::default() })
    }

    /// How forks are made here; tried out at the first call.
    ///
    /// # Errors
    /// Why the mechanism that was asked for does not work in this home.
    pub fn mechanism(&self) -> Result<Mechanism> {
        Ok(self.choice()?.mechanism)
    }

    fn choice(&self) -> Result<&Arc<Choice>> {
        if let Some(choice) = self.choice.get() {
            return Ok(choice);
        }
        let choice = Mechanism::choose(self.config.mechanism, &self.home, &self.account)?;
        Ok(self.choice.get_or_init(|| Arc::new(choice)))
    }

    fn place(&self) -> Result<Place> {
        let (home, account, leases) = (self.home.clone(), self.account.clone(), self.leases.clone());
        Ok(Place { home, account, leases, choice: Arc::clone(self.choice()?) })
    }

    /// What the servers of forks are started with.
    fn settings(&self) -> Settings {
        let settings = Settings::default();
        match &self.config.shared_buffers {
            Some(size) => settings.with("shared_buffers", size),
            None => settings,
        }
    }

    /// The golden image, built at the first call.
    async fn golden(&self, cx: &Context) -> Result<Arc<Golden>> {
        let mut slot = cx.guard(async { Ok(self.golden.lock().await) }).await?;
        if let Some(golden) = &*slot {
            return Ok(Arc::clone(golden));
        }
        let (place, config) = (self.place()?, self.config.clone());
        let build = |cx| Box::pin(async move { golden::obtain(&cx, &place, &config).await.map(Arc::new) });
        let golden = shielded(cx, build, |unused| async move { drop(unused) }).await?;
        *slot = Some(Arc::clone(&golden));
        Ok(golden)
    }

    /// Says which mechanism was fallen back to, and what would be faster.
    fn announce(&self, cx: &Context) -> Result<()> {
        let choice = self.choice()?;
        if choice.mechanism.is_copy_on_write() || self.config.mechanism.is_some() {
            return Ok(());
        }
        let what = format!(
            "forks are full copies, because {} has no copy-on-write ({}); a home on XFS or btrfs makes them in milliseconds",
            self.home.path().display(),
            choice.rejected.join("; ")
        );
        cx.emit(Event::Preparing { what });
        Ok(())
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
            copy_on_write: self.mechanism().is_ok_and(Mechanism::is_copy_on_write),
            superuser: true,
            same_machine: true,
            cost: CostModel::default(),
        }
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        // What others left must not keep us from working.
        if let Err(error) = cx.guard(self.sweep(cx)).await {
            cx.check()?;
            tracing::warn!(%error, "the sweep at the start failed");
        }
        self.announce(cx)?;
        self.golden(cx).await.map(drop)
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        let golden = self.golden(cx).await?;
        let settings = self.settings();
        let (place, terms) = (self.place()?, self.config.terms);
        let (home, leases) = (self.home.clone(), self.leases.clone());
        let undo = |unwanted: Universe| async move {
            if let Err(error) = destroy(&home, &leases, &unwanted.id).await {
                tracing::warn!(%error, fork = %unwanted.id, "a cancelled fork is left for the next sweep");
            }
        };
        shielded(cx, |cx| core::fork(cx, place, golden, terms, settings), undo).await
    }

    async fn dsn(&self, _: &Context, id: &UniverseId) -> Result<Dsn> {
        let missing = || Error::new(ErrorKind::NotFound, "there is no such fork").with("fork", id);
        let mut lease = self.leases.get(id)?.ok_or_else(missing)?;
        let Holding::Server { socket, user, database, .. } = &lease.holds else { return Err(missing()) };
        let dsn = Dsn::socket(socket, server::PORT, user, database);
        self.leases.renew(&mut lease)?;
        Ok(dsn)
    }

    async fn restart(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        let golden = self.golden(cx).await?;
        let missing = || Error::new(ErrorKind::NotFound, "there is no such fork").with("fork", id);
        let lease = self.leases.get(id)?.ok_or_else(missing)?;
        core::restart(cx, &self.place()?, &golden, lease, self.settings()).await
    }

    async fn memory(&self, id: &UniverseId) -> Option<u64> {
        let Holding::Server { data, .. } = self.leases.get(id).ok()??.holds else { return None };
        core::blocking(move || Ok(process::memory_of(&data))).await.ok()?
    }

    async fn destroy(&self, _: &Context, id: &UniverseId) -> Result<()> {
        let (home, leases, id) = (self.home.clone(), self.leases.clone(), id.clone());
        // On a task of its own, so that it is whole also if nobody waits for it.
        tokio::spawn(async move { destroy(&home, &leases, &id).await })
            .await
            .map_err(|e| Error::internal("a task ended without a result").caused_by(e))?
    }

    async fn list(&self, _: &Context) -> Result<Vec<Universe>> {
        Ok(self.leases.list(SCHEME)?.iter().map(|lease| lease.universe()).collect())
    }

    async fn sweep(&self, _: &Context) -> Result<Vec<UniverseId>> {
        core::sweep(&self.home, &self.leases).await
    }
}

async fn destroy(home: &Home, leases: &Leases, id: &UniverseId) -> Result<()> {
    match leases.get(id)? {
        Some(lease) if lease.scheme == SCHEME => {
            core::unmake(home, leases, &lease).await?;
            if let Err(error) = golden::forsake(home, leases, &lease.holds).await {
                tracing::warn!(%error, "a golden image is left for the next sweep");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
