//! A competition, with agents, a backend and a judge that may be written in JavaScript.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use napi::bindgen_prelude::within_runtime_if_available;
use napi_derive::napi;
use pgverse::host::{Call, CompeteRequest, Contest, ForeignAgent, ForeignBackend, ForeignJudge, json};
use pgverse::traits::{Agent, ForkBackend, Judge};
use pgverse::{Event, Result};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::call::thrown;
use crate::foreign::NativeObject;

/// A competition that is ready to run.
#[napi]
#[derive(Debug)]
pub struct NativeContest {
    contest: Arc<Contest>,
}

#[napi]
impl NativeContest {
    /// Reads the request, and takes over the host's own objects.
    #[napi(constructor)]
    #[allow(clippy::needless_pass_by_value)] // As values come from JavaScript.
    pub fn new(
        request: String,
        agents: Vec<NativeObject>,
        backend: Option<NativeObject>,
        judge: Option<NativeObject>,
    ) -> napi::Result<Self> {
        let built = || -> Result<Contest> {
            let own = agents.into_iter().map(|object| {
                let agent: Arc<dyn Agent> =
                    Arc::new(ForeignAgent::new(object.name.clone(), object.shared())?);
                Ok(agent)
            });
            let agents = own.collect::<Result<Vec<_>>>()?;
            let backend = backend
                .map(|mut object| -> Result<Arc<dyn ForkBackend>> {
                    let capability = object.capability.take().as_deref().map(Call::read).transpose()?;
                    Ok(Arc::new(ForeignBackend::new(object.shared(), capability)?))
                })
                .transpose()?;
            let judge = judge
                .map(|object| -> Result<Arc<dyn Judge>> {
                    let runtime = within_runtime_if_available(Handle::current);
                    Ok(Arc::new(ForeignJudge::new(object.name.clone(), object.shared(), runtime)?))
                })
                .transpose()?;
            Contest::new(CompeteRequest::read(&request)?, agents, backend, judge)
        };
        Ok(Self { contest: Arc::new(built().map_err(thrown)?) })
    }

    /// Runs it to the report.
    #[napi]
    pub async fn run(&self) -> napi::Result<String> {
        let report = self.contest.run().await.map_err(thrown)?;
        json(&report).map_err(thrown)
    }

    /// A JSON list of one task for each agent's universe.
    #[napi]
    pub fn tasks(&self) -> napi::Result<String> {
        self.contest.tasks().and_then(|tasks| json(&tasks)).map_err(thrown)
    }

    /// Runs the universe of a task.
    #[napi]
    pub async fn run_universe(&self, task: String) -> napi::Result<String> {
        let run = async { json(&self.contest.run_universe(&Call::read(&task)?).await?) };
        run.await.map_err(thrown)
    }

    /// Judges a JSON list of what came out of the universes.
    #[napi]
    pub async fn conclude(&self, outcomes: String) -> napi::Result<String> {
        let run = async { json(&self.contest.conclude(Call::read(&outcomes)?).await?) };
        run.await.map_err(thrown)
    }

    /// All events from the first one on.
    #[napi]
    pub fn events(&self) -> NativeEvents {
        NativeEvents { events: Mutex::new(Box::pin(self.contest.events())) }
    }

    /// Stops the run; its forks are destroyed before it ends.
    #[napi]
    pub fn cancel(&self) {
        self.contest.cancel();
    }
}

/// The events of a competition.
#[napi]
pub struct NativeEvents {
    events: Mutex<Pin<Box<dyn Stream<Item = Event> + Send>>>,
}

#[napi]
impl NativeEvents {
    /// The next event as JSON; null after the last one.
    #[napi]
    pub async fn next(&self) -> napi::Result<Option<String>> {
        let event = self.events.lock().await.next().await;
        event.map(|event| json(&event).map_err(thrown)).transpose()
    }
}
