//! A backend whose forks are still there when the competition is over, to be looked at.

use std::sync::Arc;

use async_trait::async_trait;
use pgverse::pg::{Dsn, Session};
use pgverse::traits::ForkBackend;
use pgverse::types::{Capability, Universe, UniverseId};
use pgverse::{Context, Result};

#[derive(Debug)]
pub(crate) struct Kept(pub(crate) Arc<dyn ForkBackend>);

impl Kept {
    /// Asks each fork that is left, and destroys it.
    pub(crate) async fn ask_all(&self, sql: &str) -> Vec<String> {
        let cx = Context::new();
        let mut answers = Vec::new();
        for universe in self.0.list(&cx).await.unwrap() {
            let dsn = self.0.dsn(&cx, &universe.id).await.unwrap();
            let session = Session::connect(&cx, &dsn, "test").await.unwrap();
            answers.push(session.text(&cx, sql, &[]).await.unwrap());
            drop(session);
            self.0.destroy(&cx, &universe.id).await.unwrap();
        }
        answers
    }
}

#[async_trait]
impl ForkBackend for Kept {
    fn scheme(&self) -> &'static str {
        self.0.scheme()
    }

    fn capability(&self) -> Capability {
        self.0.capability()
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        self.0.prepare(cx).await
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        self.0.fork(cx).await
    }

    async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn> {
        self.0.dsn(cx, id).await
    }

    async fn destroy(&self, _: &Context, _: &UniverseId) -> Result<()> {
        Ok(())
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Universe>> {
        self.0.list(cx).await
    }

    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>> {
        self.0.sweep(cx).await
    }
}
