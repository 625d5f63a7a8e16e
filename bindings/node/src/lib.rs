//! pgverse for Node.js: converts and never decides. `pgverse.host` has the calls; `lib/` has the forms of them that
//! users of JavaScript expect.

mod call;
mod contest;
mod foreign;

use napi_derive::napi;

/// Runs the command line to its exit status.
#[napi]
pub fn command(arguments: Vec<String>) -> u8 {
    pgverse_cli::main(arguments.into_iter().map(Into::into).collect())
}

/// Every kind of error.
#[napi]
pub fn error_kinds() -> Vec<&'static str> {
    pgverse::ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect()
}
