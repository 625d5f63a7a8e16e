//! The template backend.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Capability, CostModel, Isolation, Universe, UniverseId};
use pgverse_core::{Context, Result};
use tokio::sync::OnceCell;

use super::core::Place;
use super::create::CLONE;
use super::server::{self, Facts};
use super::{SCHEME, TemplateConfig, dedicated};
use crate::shared::Lease;
use crate::shared::shield::shielded;

/// Most forks alive at once: they share the memory and the disk of the source's server.
const PARALLEL: usize = 8;

/// Forks are databases on the source's own server.
#[derive(Debug)]
pub struct TemplateBackend {
    place: Place,
    facts: OnceCell<Facts>,
    /// The database that forks are made from.
    template: OnceCell<String>,
    /// Whether a fork was seen to share blocks with the source.
    cloned: AtomicBool,
}

impl TemplateBackend {
    /// A backend for one source database. Connects to nothing yet.
    ///
    /// # Errors
    /// `InvalidInput` if there is no home directory for leases.
    pub fn new(config: TemplateConfig) -> Result<Self> {
        Ok(Self {
            place: Place::new(config)?,
            facts: OnceCell::new(),
            template: OnceCell::new(),
            cloned: AtomicBool::new(false),
        })
    }

    async fn facts(&self, cx: &Context) -> Result<&Facts> {
        let check = || async {
            self.place.home.create()?;
            server::check(cx, &self.place.config).await
        };
        self.facts.get_or_try_init(check).await
    }

    /// The database that forks are made from: the source, or a copy of it that nobody is connected to.
    async fn template(&self, cx: &Context) -> Result<&str> {
        let facts = self.facts(cx).await?.clone();
        let obtain = || async {
            if !self.place.config.copy {
                return Ok(self.place.source().database().to_owned());
            }
            let place = self.place.clone();
            let work = |cx: Context| Box::pin(async move { dedicated::obtain(&cx, &place, &facts).await });
            // It stays for the next run, wanted or not.
            shielded(cx, work, |_| async {}).await
        };
        self.template.get_or_try_init(obtain).await.map(String::as_str)
    }
}

#[async_trait]
impl ForkBackend for TemplateBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn capability(&self) -> Capability {
        Capability {
            parallel: PARALLEL,
            isolation: Isolation::SharedServer,
            copy_on_write: self.cloned.load(Ordering::Relaxed),
            superuser: self.facts.get().is_some_and(|facts| facts.superuser),
            same_machine: self.place.config.dsn.is_local(),
            cost: CostModel::default(),
        }
    }

    fn source_database(&self) -> Option<&str> {
        Some(self.place.config.dsn.database())
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        self.facts(cx).await?;
        // What others left must not keep us from working.
        if let Err(error) = self.sweep(cx).await {
            tracing::warn!(%error, "the sweep at the start failed");
        }
        self.template(cx).await.map(drop)
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        let facts = self.facts(cx).await?.clone();
        let template = self.template(cx).await?.to_owned();
        let (place, undoing, cleanup) = (self.place.clone(), self.place.clone(), cx.for_cleanup());
        let undo = |unwanted: Universe| async move { undoing.give_up(&cleanup, &unwanted.id).await };
        let universe = shielded(cx, |cx| place.fork(cx, facts, template), undo).await?;
        if universe.mechanism == CLONE {
            self.cloned.store(true, Ordering::Relaxed);
        }
        Ok(universe)
    }

    async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn> {
        self.place.dsn(cx, id).await
    }

    async fn destroy(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        self.place.destroy(cx, id).await
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Universe>> {
        let session = self.place.session(cx, "list").await?;
        Ok(self.place.known(cx, &session).await?.iter().map(Lease::universe).collect())
    }

    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>> {
        let session = self.place.session(cx, "sweep").await?;
        self.place.sweep(cx, &session).await
    }
}
