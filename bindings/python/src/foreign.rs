//! Objects of Python's. The package wraps each in a bridge with `has`, `invoke` and `cancel`; `invoke` is called on a
//! thread on which it may wait.

use std::sync::Arc;

use async_trait::async_trait;
use pgverse::host::{Foreign, ProbeCalls};
use pgverse::{Context, Error, ErrorKind, Result};
use pyo3::prelude::*;
use serde_json::Value;

use crate::call::raised;
use crate::runtime;

/// A bridge to a Python object.
#[derive(Debug, Clone)]
pub(crate) struct PythonObject {
    bridge: Arc<Py<PyAny>>,
}

impl PythonObject {
    pub(crate) fn of(bridge: Py<PyAny>) -> Arc<dyn Foreign> {
        Arc::new(Self { bridge: Arc::new(bridge) })
    }
}

/// Cancels the Python side of a call that is dropped before it has returned.
struct Abandoned {
    bridge: Arc<Py<PyAny>>,
    ticket: u64,
    armed: bool,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if self.armed {
            let (bridge, ticket) = (Arc::clone(&self.bridge), self.ticket);
            // The interpreter may be busy; nobody here waits for it.
            if let Ok(runtime) = runtime::handle() {
                runtime.spawn_blocking(move || {
                    Python::attach(|py| {
                        if let Err(error) = bridge.call_method1(py, "cancel", (ticket,)) {
                            error.write_unraisable(py, None);
                        }
                    });
                });
            }
        }
    }
}

#[async_trait]
impl Foreign for PythonObject {
    fn has(&self, method: &str) -> bool {
        Python::attach(|py| {
            self.bridge.call_method1(py, "has", (method,)).and_then(|has| has.extract(py)).unwrap_or(false)
        })
    }

    async fn call(
        &self,
        cx: &Context,
        method: &'static str,
        arguments: Vec<Value>,
        probe: Option<ProbeCalls>,
    ) -> Result<Value> {
        static TICKETS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let ticket = TICKETS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let bridge = Arc::clone(&self.bridge);
        let mut abandoned = Abandoned { bridge: Arc::clone(&bridge), ticket, armed: true };
        let arguments = Value::Array(arguments).to_string();
        let invoked = tokio::task::spawn_blocking(move || {
            Python::attach(|py| {
                let probe = probe.map(|calls| NativeProbe { calls });
                let invoked = bridge.call_method1(py, "invoke", (ticket, method, arguments, probe));
                invoked
                    .and_then(|value| value.extract::<(bool, String)>(py))
                    .map_err(|error| error.to_string())
            })
        });
        let outcome = cx
            .guard(async {
                invoked
                    .await
                    .map_err(|e| Error::internal("the call of a Python method panicked").caused_by(e))
            })
            .await?;
        abandoned.armed = false;
        let failed = |text: String| {
            Error::new(ErrorKind::Agent, "a Python method failed").with("method", method).caused_by(text)
        };
        match outcome {
            Ok((true, json)) => serde_json::from_str(&json).map_err(|e| failed(e.to_string())),
            Ok((false, traceback)) => Err(failed(traceback)),
            Err(text) => Err(failed(text)),
        }
    }
}

/// Read-only questions to the universe of an agent, while its `propose` runs.
#[pyclass(frozen, module = "pgverse._native")]
pub(crate) struct NativeProbe {
    calls: ProbeCalls,
}

#[pymethods]
impl NativeProbe {
    /// Rows of a query as JSON.
    fn query(&self, py: Python<'_>, sql: String) -> PyResult<String> {
        let calls = self.calls.clone();
        wait(py, async move { calls.query(sql).await })
    }

    /// The plan of a statement as JSON.
    fn explain(&self, py: Python<'_>, sql: String, values: Vec<Option<String>>) -> PyResult<String> {
        let calls = self.calls.clone();
        wait(py, async move { calls.explain(sql, values).await })
    }
}

fn wait(py: Python<'_>, answer: impl Future<Output = Result<Value>> + Send) -> PyResult<String> {
    let runtime = runtime::handle().map_err(raised)?;
    py.detach(|| runtime.block_on(answer)).map(|value| value.to_string()).map_err(raised)
}
