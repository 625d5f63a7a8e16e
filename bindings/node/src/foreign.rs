//! Objects of JavaScript's. The package wraps each in functions that never throw.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use napi::Status;
use napi::bindgen_prelude::{FnArgs, Promise};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use pgverse::host::{Foreign, ProbeCalls};
use pgverse::{Context, Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::call::thrown;

/// Ticket, method, arguments as a JSON list, and the probe of an agent.
type Arguments = FnArgs<(u32, String, String, Option<NativeProbe>)>;

/// Weak: an object that waits to be called does not keep the program alive; the promise of the run does.
type Invoke = ThreadsafeFunction<Arguments, Promise<String>, Arguments, Status, false, true>;
type Abandon = ThreadsafeFunction<u32, (), u32, Status, false, true>;

/// An object with its name and its methods.
#[napi(object, object_to_js = false)]
pub struct NativeObject {
    /// Name of an agent or a judge.
    pub name: String,
    /// The methods that it has.
    pub methods: Vec<String>,
    /// What a backend can do, as JSON.
    pub capability: Option<String>,
    /// Calls a method; gives `{"value"}` or `{"error"}` as JSON.
    #[napi(
        ts_type = "(ticket: number, method: string, args: string, probe: NativeProbe | null) => Promise<string>"
    )]
    pub invoke: Invoke,
    /// Tells that nobody waits for the call of this ticket any more.
    #[napi(ts_type = "(ticket: number) => void")]
    pub abandon: Abandon,
}

impl NativeObject {
    pub(crate) fn shared(self) -> Arc<dyn Foreign> {
        Arc::new(JavaScriptObject {
            methods: self.methods,
            invoke: Arc::new(self.invoke),
            abandon: Arc::new(self.abandon),
        })
    }
}

struct JavaScriptObject {
    methods: Vec<String>,
    invoke: Arc<Invoke>,
    abandon: Arc<Abandon>,
}

impl fmt::Debug for JavaScriptObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JavaScriptObject").field("methods", &self.methods).finish_non_exhaustive()
    }
}

/// Cancels the JavaScript side of a call that is dropped before it has returned.
struct Abandoned {
    abandon: Arc<Abandon>,
    ticket: u32,
    armed: bool,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if self.armed {
            // A program that ends has nobody left to tell.
            let _: Status = self.abandon.call(self.ticket, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Returned {
    Value(Value),
    Error(String),
}

#[async_trait]
impl Foreign for JavaScriptObject {
    fn has(&self, method: &str) -> bool {
        self.methods.iter().any(|known| known == method)
    }

    async fn call(
        &self,
        cx: &Context,
        method: &'static str,
        arguments: Vec<Value>,
        probe: Option<ProbeCalls>,
    ) -> Result<Value> {
        static TICKETS: AtomicU32 = AtomicU32::new(0);
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        let mut abandoned = Abandoned { abandon: Arc::clone(&self.abandon), ticket, armed: true };
        let failed = |text: String| {
            Error::new(ErrorKind::Agent, "a JavaScript method failed").with("method", method).caused_by(text)
        };
        let arguments = Value::Array(arguments).to_string();
        let probe = probe.map(|calls| NativeProbe { calls });
        let invoked = async {
            let args = FnArgs { data: (ticket, method.to_owned(), arguments, probe) };
            let promise = self.invoke.call_async_catch(args).await.map_err(|e| failed(e.reason.clone()))?;
            promise.await.map_err(|e| failed(e.reason.clone()))
        };
        let text = cx.guard(invoked).await?;
        abandoned.armed = false;
        match serde_json::from_str(&text) {
            Ok(Returned::Value(value)) => Ok(value),
            Ok(Returned::Error(stack)) => Err(failed(stack)),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// Read-only questions to the universe of an agent, while its `propose` runs.
#[napi]
#[derive(Debug, Clone)]
pub struct NativeProbe {
    calls: ProbeCalls,
}

#[napi]
impl NativeProbe {
    /// Rows of a query as JSON.
    #[napi]
    pub async fn query(&self, sql: String) -> napi::Result<String> {
        Ok(self.calls.query(sql).await.map_err(thrown)?.to_string())
    }

    /// The plan of a statement as JSON.
    #[napi]
    pub async fn explain(&self, sql: String, values: Vec<Option<String>>) -> napi::Result<String> {
        Ok(self.calls.explain(sql, values).await.map_err(thrown)?.to_string())
    }
}
