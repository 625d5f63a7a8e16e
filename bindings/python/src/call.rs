//! A call that runs on our threads, and what is left of it in Python.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgverse::host::{self, error_json};
use pgverse::{Context, Error};
use pyo3::prelude::*;
use tokio::sync::watch;

use crate::runtime;

/// How often a waiting main thread looks for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);

/// Outcome of a call: whether it succeeded, and its result or its error as JSON.
type Outcome = (bool, String);

/// A call under way.
#[pyclass(frozen, module = "pgverse._native")]
pub(crate) struct NativeCall {
    cancel: Box<dyn Fn() + Send + Sync>,
    outcome: watch::Receiver<Option<Outcome>>,
    /// Told once, on another thread, when the outcome is there.
    done: Arc<Mutex<Option<Py<PyAny>>>>,
}

impl NativeCall {
    /// Runs `work` on our threads; `cancel` makes it end early, after it has cleaned up.
    pub(crate) fn start(
        work: impl Future<Output = pgverse::Result<String>> + Send + 'static,
        cancel: impl Fn() + Send + Sync + 'static,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let (send, outcome) = watch::channel(None);
        let done = Arc::new(Mutex::new(done));
        let told = Arc::clone(&done);
        let runtime = runtime::handle().map_err(raised)?;
        let task = runtime.spawn(work);
        runtime.spawn(async move {
            let result = match task.await {
                Ok(result) => result,
                Err(panic) => Err(Error::internal("the library panicked").caused_by(panic)),
            };
            send.send_replace(Some(match result {
                Ok(json) => (true, json),
                Err(error) => (false, error_json(&error).to_string()),
            }));
            let callback = told.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(callback) = callback {
                Python::attach(|py| {
                    if let Err(error) = callback.call0(py) {
                        error.write_unraisable(py, None);
                    }
                });
            }
        });
        Ok(Self { cancel: Box::new(cancel), outcome, done })
    }
}

#[pymethods]
impl NativeCall {
    /// Asks the call to end; it cleans up first.
    fn cancel(&self) {
        (self.cancel)();
    }

    /// The outcome, if it is there.
    fn outcome(&self) -> Option<Outcome> {
        self.outcome.borrow().clone()
    }

    /// Waits for the outcome. Ctrl-C cancels the call, waits until it has cleaned up, and is raised then.
    fn wait(&self, py: Python<'_>) -> PyResult<Outcome> {
        let runtime = runtime::handle().map_err(raised)?;
        let mut interrupt = None;
        loop {
            let mut outcome = self.outcome.clone();
            let came = py.detach(|| {
                runtime.block_on(async {
                    let come = outcome.wait_for(Option::is_some);
                    tokio::time::timeout(TICK, come).await.ok().and_then(|got| got.ok()?.clone())
                })
            });
            match (came, interrupt.take()) {
                (Some(_), Some(error)) => return Err(error),
                (Some(outcome), None) => return Ok(outcome),
                (None, earlier) => {
                    interrupt = earlier.or(py.check_signals().err().inspect(|_| (self.cancel)()));
                }
            }
        }
    }

    /// Forgets whom to tell.
    fn forget(&self) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Starts the call of this name; `done` is called without arguments, on another thread, when it has ended.
#[pyfunction]
#[pyo3(signature = (name, request, done=None))]
pub(crate) fn call(name: String, request: String, done: Option<Py<PyAny>>) -> PyResult<NativeCall> {
    let cx = Context::new();
    let token = cx.cancellation().clone();
    NativeCall::start(async move { host::dispatch(&cx, &name, &request).await }, move || token.cancel(), done)
}

/// An error that comes at once, as the package knows how to read it.
pub(crate) fn raised(error: Error) -> PyErr {
    pyo3::exceptions::PyRuntimeError::new_err(error_json(&error).to_string())
}
