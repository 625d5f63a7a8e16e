//! A backend that counts how many forks are alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pgverse::pg::Dsn;
use pgverse::traits::ForkBackend;
use pgverse::types::{Capability, Universe, UniverseId};
use pgverse::{Context, Result};

#[derive(Debug)]
pub(crate) struct Counting {
    inner: Arc<dyn ForkBackend>,
    alive: AtomicUsize,
    most: AtomicUsize,
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn ForkBackend>) -> Self {
        Self { inner, alive: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// The most forks that were alive at once.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ForkBackend for Counting {
    fn scheme(&self) -> &'static str {
        self.inner.scheme()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        self.inner.prepare(cx).await
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        let alive = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(alive, Ordering::SeqCst);
        self.inner.fork(cx).await
    }

    async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn> {
        self.inner.dsn(cx, id).await
    }

    async fn restart(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        self.inner.restart(cx, id).await
    }

    async fn destroy(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        self.inner.destroy(cx, id).await?;
        self.alive.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Universe>> {
        self.inner.list(cx).await
    }

    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>> {
        self.inner.sweep(cx).await
    }
}
