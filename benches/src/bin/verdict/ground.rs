//! Where trials run: a small database, one fork of it that serves many competitions, and a load beside it.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use async_trait::async_trait;
use pgverse::bench::Lab;
use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse::pg::Dsn;
use pgverse::traits::ForkBackend;
use pgverse::types::{Capability, ParameterSet, Statement, StatementKind, Universe, UniverseId};
use pgverse::{Context, Error, Result};

use crate::load::Load;

const THINGS: &str = "
    CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int, label text, amount int);
    INSERT INTO things (owner, label, amount)
    SELECT i % 1000, 'label ' || i, i % 97 FROM generate_series(1, 60000) AS i;";

/// A golden image in a directory of its own, removed when this is dropped.
pub(crate) struct Ground {
    home: tempfile::TempDir,
}

impl Ground {
    pub(crate) fn new() -> Result<Self> {
        // Servers run as another user where we are root, who must be able to get there.
        let reachable = std::fs::Permissions::from_mode(0o755);
        let home = tempfile::Builder::new()
            .prefix("verdict")
            .permissions(reachable)
            .tempdir()
            .map_err(|e| Error::internal("no directory can be made").caused_by(e))?;
        Ok(Self { home })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Forks of a database that this script makes.
    pub(crate) fn backend(&self, name: &str, script: &str) -> Result<Arc<dyn ForkBackend>> {
        let sql = vec![script.to_owned(), "VACUUM (FREEZE, ANALYZE)".to_owned()];
        let golden = GoldenSource::Script { name: name.to_owned(), sql };
        let config = LocalConfig { home: Some(self.home.path().to_owned()), ..LocalConfig::new(golden) };
        Ok(Arc::new(LocalBackend::new(config)?))
    }
}

/// Everything that trials under load need; ended by [`Arena::close`].
pub(crate) struct Arena {
    pub(crate) cx: Context,
    pub(crate) held: Arc<Held>,
    pub(crate) load: Load,
    inner: Arc<dyn ForkBackend>,
    _ground: Ground,
}

impl Arena {
    pub(crate) async fn open(seed: u64) -> Result<Self> {
        let cx = Context::new();
        let ground = Ground::new()?;
        let inner = ground.backend("things", THINGS)?;
        inner.prepare(&cx).await?;
        let universe = inner.fork(&cx).await?;
        let held = Arc::new(Held { inner: Arc::clone(&inner), universe });
        let load = Load::start(&cx, Arc::clone(&inner), seed).await?;
        Ok(Self { cx, held, load, inner, _ground: ground })
    }

    /// A session on the fork, as the engine's.
    pub(crate) async fn lab(&self) -> Result<Lab> {
        Lab::open(&self.cx, self.held.as_ref(), &self.held.universe).await
    }

    pub(crate) async fn close(self) -> Result<()> {
        self.load.stop(&self.cx).await?;
        self.inner.destroy(&self.cx, &self.held.universe.id).await
    }
}

/// Gives every competition the same fork. Only for changes that leave nothing built on it.
#[derive(Debug)]
pub(crate) struct Held {
    inner: Arc<dyn ForkBackend>,
    universe: Universe,
}

#[async_trait]
impl ForkBackend for Held {
    fn scheme(&self) -> &'static str {
        self.inner.scheme()
    }

    fn capability(&self) -> Capability {
        Capability { parallel: 1, ..self.inner.capability() }
    }

    async fn prepare(&self, _: &Context) -> Result<()> {
        Ok(())
    }

    async fn fork(&self, _: &Context) -> Result<Universe> {
        Ok(self.universe.clone())
    }

    async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn> {
        self.inner.dsn(cx, id).await
    }

    async fn destroy(&self, _: &Context, _: &UniverseId) -> Result<()> {
        Ok(())
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Universe>> {
        self.inner.list(cx).await
    }

    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>> {
        self.inner.sweep(cx).await
    }
}

/// A statement without parameters, of weight one.
pub(crate) fn read(id: &str, sql: &str) -> Statement {
    Statement {
        id: id.into(),
        sql: sql.to_owned(),
        fingerprint: pgverse::workload::normalize(sql),
        kind: StatementKind::Read,
        parameter_sets: vec![ParameterSet::none()],
        weight: 1.0,
    }
}
