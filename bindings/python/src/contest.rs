//! A competition, with agents, a backend and a judge that may be written in Python.

use std::sync::Arc;

use futures_util::StreamExt;
use pgverse::host::{Call, CompeteRequest, Contest, ForeignAgent, ForeignBackend, ForeignJudge, json};
use pgverse::traits::{Agent, ForkBackend, Judge};
use pgverse::{Error, Result};
use pyo3::prelude::*;

use crate::call::{NativeCall, raised};
use crate::foreign::PythonObject;
use crate::runtime;

/// A competition that is ready to run.
#[pyclass(frozen, module = "pgverse._native")]
pub(crate) struct NativeContest {
    contest: Arc<Contest>,
}

#[pymethods]
impl NativeContest {
    /// Reads the request; agents are pairs of a name and an object, and so is the judge.
    #[new]
    #[pyo3(signature = (request, agents, backend=None, capability=None, judge=None))]
    fn new(
        request: &str,
        agents: Vec<(String, Py<PyAny>)>,
        backend: Option<Py<PyAny>>,
        capability: Option<String>,
        judge: Option<(String, Py<PyAny>)>,
    ) -> PyResult<Self> {
        let built = || -> Result<Contest> {
            let own = agents.into_iter().map(|(name, object)| {
                let agent: Arc<dyn Agent> = Arc::new(ForeignAgent::new(name, PythonObject::of(object))?);
                Ok(agent)
            });
            let agents = own.collect::<Result<Vec<_>>>()?;
            let capability = capability.as_deref().map(Call::read).transpose()?;
            let backend = backend
                .map(|object| -> Result<Arc<dyn ForkBackend>> {
                    Ok(Arc::new(ForeignBackend::new(PythonObject::of(object), capability)?))
                })
                .transpose()?;
            let judge = judge
                .map(|(name, object)| -> Result<Arc<dyn Judge>> {
                    Ok(Arc::new(ForeignJudge::new(name, PythonObject::of(object), runtime::handle()?)?))
                })
                .transpose()?;
            Contest::new(CompeteRequest::read(request)?, agents, backend, judge)
        };
        Ok(Self { contest: Arc::new(built().map_err(raised)?) })
    }

    /// Runs it; `done` is called without arguments, on another thread, when it has ended.
    #[pyo3(signature = (done=None))]
    fn start(&self, done: Option<Py<PyAny>>) -> PyResult<NativeCall> {
        let (run, stop) = (Arc::clone(&self.contest), Arc::clone(&self.contest));
        NativeCall::start(async move { json(&run.run().await?) }, move || stop.cancel(), done)
    }

    /// A JSON list of one task for each agent's universe.
    fn tasks(&self) -> PyResult<String> {
        self.contest.tasks().and_then(|tasks| json(&tasks)).map_err(raised)
    }

    /// Runs the universe of a task.
    #[pyo3(signature = (task, done=None))]
    fn start_universe(&self, task: String, done: Option<Py<PyAny>>) -> PyResult<NativeCall> {
        let (run, stop) = (Arc::clone(&self.contest), Arc::clone(&self.contest));
        let work = async move { json(&run.run_universe(&Call::read(&task)?).await?) };
        NativeCall::start(work, move || stop.cancel(), done)
    }

    /// Judges a JSON list of what came out of the universes.
    #[pyo3(signature = (outcomes, done=None))]
    fn start_conclusion(&self, outcomes: String, done: Option<Py<PyAny>>) -> PyResult<NativeCall> {
        let (run, stop) = (Arc::clone(&self.contest), Arc::clone(&self.contest));
        let work = async move { json(&run.conclude(Call::read(&outcomes)?).await?) };
        NativeCall::start(work, move || stop.cancel(), done)
    }

    /// Calls `hear` on another thread with each event as JSON, from the first one on, and at the end with None.
    fn watch(&self, hear: Py<PyAny>) -> PyResult<()> {
        let events = self.contest.events();
        let tell = move |event: Option<String>| {
            Python::attach(|py| {
                hear.call1(py, (event,)).map(drop).map_err(|error| {
                    error.write_unraisable(py, None);
                    Error::internal("nobody hears the events")
                })
            })
        };
        runtime::handle().map_err(raised)?.spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                tell(Some(json(&event)?))?;
            }
            tell(None)
        });
        Ok(())
    }

    /// Stops the run; its forks are destroyed before the call ends.
    fn cancel(&self) {
        self.contest.cancel();
    }
}
