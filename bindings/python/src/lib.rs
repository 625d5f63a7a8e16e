//! pgverse for Python: converts and never decides. `pgverse.host` has the calls; the package in `python/` has the
//! forms of them that Python users expect.

mod call;
mod contest;
mod foreign;
mod log;
mod runtime;

use pyo3::prelude::*;

/// What the package `pgverse` is made of; not for use by itself.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::call::{NativeCall, call};
    #[pymodule_export]
    use super::contest::NativeContest;
    #[pymodule_export]
    use super::foreign::NativeProbe;
    #[pymodule_export]
    use super::log::forward_logs;
    #[pymodule_export]
    use super::runtime::{after_fork, shut_down};
    #[pymodule_export]
    use super::{command, error_kinds};
}

/// Runs the command line to its exit status.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<String>) -> u8 {
    py.detach(|| pgverse_cli::main(arguments.into_iter().map(Into::into).collect()))
}

/// Every kind of error, so that the package can prove that it knows each.
#[pyfunction]
fn error_kinds() -> Vec<&'static str> {
    pgverse::ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect()
}
