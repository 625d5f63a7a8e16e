//! The threads that work. A runtime of our own, so that it can be ended before the interpreter is: a thread that
//! enters an interpreter that is being taken down crashes the process.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pgverse::{Error, ErrorKind};
use pyo3::prelude::*;
use tokio::runtime::{Handle, Runtime};

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Longest time that calls which ended may take to leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// The runtime; made at first use.
pub(crate) fn handle() -> pgverse::Result<Handle> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = runtime.as_ref() {
        return Ok(runtime.handle().clone());
    }
    let made = Runtime::new()
        .map_err(|e| Error::new(ErrorKind::Process, "cannot start the worker threads").caused_by(e))?;
    Ok(runtime.insert(made).handle().clone())
}

/// Ends the threads; every call was ended before by the package. For `atexit`.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    crate::log::stop();
    py.detach(|| {
        let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(FAREWELL);
        }
    });
}

/// Forgets the threads, which a forked child does not have. For `os.register_at_fork`.
#[pyfunction]
pub(crate) fn after_fork() {
    if let Ok(mut runtime) = RUNTIME.try_lock() {
        // Ending it would wait for threads that are not here.
        std::mem::forget(runtime.take());
    }
}
