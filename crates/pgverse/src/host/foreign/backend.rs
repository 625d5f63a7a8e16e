//! A fork backend of the host's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{Capability, CostModel, ForkCost, Isolation, Universe, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::{Foreign, argument, returned};

/// A backend whose `fork()` returns `{"id", "dsn"}` (and, if it knows, `mechanism`, `bytes` and `full_bytes`) and whose
/// `destroy(id)` takes it back, also when it is gone already. `prepare()`, and `sweep()`, which destroys what dead
/// processes left and returns its names, may be left out.
pub struct ForeignBackend {
    object: Arc<dyn Foreign>,
    capability: Capability,
    made: Mutex<HashMap<UniverseId, (SecretString, Universe)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    id: String,
    dsn: SecretString,
    #[serde(default)]
    mechanism: Option<String>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    full_bytes: u64,
}

const SCHEME: &str = "custom";

impl fmt::Debug for ForeignBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignBackend").field("object", &self.object).finish_non_exhaustive()
    }
}

impl ForeignBackend {
    /// A backend; what it can do is told beforehand, or taken to be little.
    ///
    /// # Errors
    /// `InvalidInput` if `fork` or `destroy` is missing.
    pub fn new(object: Arc<dyn Foreign>, capability: Option<Capability>) -> Result<Self> {
        for method in ["fork", "destroy"] {
            if !object.has(method) {
                return Err(Error::invalid("a fork backend lacks a method").with("method", method));
            }
        }
        let usual = Capability {
            parallel: 4,
            isolation: Isolation::OwnServer,
            copy_on_write: false,
            superuser: false,
            same_machine: false,
            cost: CostModel::default(),
        };
        let made = Mutex::default();
        Ok(Self { object, capability: capability.unwrap_or(usual), made })
    }

    async fn call(&self, cx: &Context, method: &'static str, arguments: Vec<Value>) -> Result<Value> {
        cx.guard(self.object.call(cx, method, arguments, None)).await
    }

    async fn answers(&self, cx: &Context, made: Made, begin: Instant) -> Result<Universe> {
        let dsn = Dsn::parse(made.dsn.expose_secret())?;
        Session::connect(cx, &dsn, "first query").await?.batch(cx, "SELECT 1").await?;
        let universe = Universe {
            id: made.id.as_str().into(),
            backend: SCHEME.to_owned(),
            mechanism: made.mechanism.unwrap_or_else(|| SCHEME.to_owned()),
            cost: ForkCost {
                seconds: begin.elapsed().as_secs_f64(),
                bytes: made.bytes,
                full_bytes: made.full_bytes,
            },
            owner: "host".to_owned(),
            expires: String::new(),
        };
        let known = (made.dsn, universe.clone());
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(universe.id.clone(), known);
        Ok(universe)
    }
}

#[async_trait]
impl ForkBackend for ForeignBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn capability(&self) -> Capability {
        self.capability.clone()
    }

    async fn prepare(&self, cx: &Context) -> Result<()> {
        if self.object.has("prepare") { self.call(cx, "prepare", Vec::new()).await.map(drop) } else { Ok(()) }
    }

    async fn fork(&self, cx: &Context) -> Result<Universe> {
        let begin = Instant::now();
        // Not guarded: what the host has begun it also ends, or its name is lost.
        cx.check()?;
        let value = self.object.call(&cx.for_cleanup(), "fork", Vec::new(), None).await?;
        let made: Made = returned("the fork backend", "fork", value)?;
        let id = UniverseId::from(made.id.as_str());
        match self.answers(cx, made, begin).await {
            Ok(universe) => Ok(universe),
            Err(error) => {
                self.destroy(&cx.for_cleanup(), &id).await?;
                Err(error)
            }
        }
    }

    async fn dsn(&self, _: &Context, id: &UniverseId) -> Result<Dsn> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((dsn, _)) = made.get(id) else {
            return Err(Error::new(ErrorKind::NotFound, "there is no such fork").with("fork", id));
        };
        Dsn::parse(dsn.expose_secret())
    }

    async fn destroy(&self, cx: &Context, id: &UniverseId) -> Result<()> {
        self.call(cx, "destroy", vec![argument(id)?]).await?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        Ok(())
    }

    async fn list(&self, _: &Context) -> Result<Vec<Universe>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(made.values().map(|(_, universe)| universe.clone()).collect())
    }

    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>> {
        if !self.object.has("sweep") {
            return Ok(Vec::new());
        }
        returned("the fork backend", "sweep", self.call(cx, "sweep", Vec::new()).await?)
    }
}
