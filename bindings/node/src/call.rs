//! A call that runs on our threads.

use napi_derive::napi;
use pgverse::host::{self, error_json};
use pgverse::{Context, Error};

/// A call by its name, JSON in and JSON out.
#[napi]
#[derive(Debug)]
pub struct NativeCall {
    name: String,
    request: String,
    cx: Context,
}

#[napi]
impl NativeCall {
    /// A call that is ready to run.
    #[napi(constructor)]
    pub fn new(name: String, request: String) -> Self {
        Self { name, request, cx: Context::new() }
    }

    /// Runs it to its result.
    #[napi]
    pub async fn run(&self) -> napi::Result<String> {
        host::dispatch(&self.cx, &self.name, &self.request).await.map_err(thrown)
    }

    /// Asks it to end; it cleans up first.
    #[napi]
    pub fn cancel(&self) {
        self.cx.cancellation().cancel();
    }
}

/// An error as the package knows how to read it. A status of our own would not survive an `async fn`.
#[allow(clippy::needless_pass_by_value)] // For `map_err`.
pub(crate) fn thrown(error: Error) -> napi::Error {
    napi::Error::from_reason(error_json(&error).to_string())
}
