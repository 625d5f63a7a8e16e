//! Every call by its name, JSON in and JSON out: all that a binding has to know.

use pgverse_core::types::{PromotionPlan, Report, UniverseId};
use pgverse_core::{Context, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::{Call, SourceRequest};

/// Names of the calls that [`dispatch`] knows.
pub const CALLS: &[&str] = &[
    "demo_workload",
    "destroy",
    "fork",
    "forks",
    "judge",
    "plan",
    "promote",
    "promotions",
    "rehearse",
    "rollback",
    "same",
    "schema",
    "sweep",
    "workload",
];

/// Destroys one fork.
#[derive(Debug, Deserialize)]
struct Destroy {
    id: UniverseId,
    #[serde(flatten)]
    source: SourceRequest,
}

/// Runs the call of this name; a competition is a [`super::Contest`], which can be watched.
///
/// # Errors
/// `NotFound` for a name that is not among [`CALLS`]; `InvalidInput` for a request that is a list; otherwise those of the call.
pub async fn dispatch(cx: &Context, name: &str, request: &str) -> Result<String> {
    // It would be read as the fields in their order: an empty one as a request for whatever is usual.
    if CALLS.contains(&name) && request.trim_start().starts_with('[') {
        return Err(Error::invalid("the request is a list")
            .with("call", name)
            .hint("give an object with the fields by name"));
    }
    match name {
        "same" => json(&super::same(cx, Call::read(request)?).await?),
        "plan" => json::<PromotionPlan>(&super::plan(&Report::read(request)?)?),
        "judge" => json(&super::judge_again(&Report::read(request)?, None)?),
        "workload" => json(&super::WorkloadInput::read(request)?.load()?),
        "demo_workload" => json(&crate::demo::Demo::default().workload()?),
        "rehearse" => json(&super::rehearse(cx, Call::read(request)?).await?),
        "promote" => json(&super::promote(cx, Call::read(request)?).await?),
        "rollback" => json(&super::rollback(cx, Call::read(request)?).await?),
        "promotions" => json(&super::promotions(cx, Call::read(request)?).await?),
        "fork" => json(&super::fork(cx, Call::read(request)?).await?),
        "forks" => json(&super::forks(cx, Call::read(request)?).await?),
        "destroy" => {
            let Destroy { id, source } = Call::read(request)?;
            super::destroy(cx, &id, source).await?;
            json(&Value::Null)
        }
        "sweep" => json(&super::sweep(cx, Call::read(request)?).await?),
        "schema" => json(&super::schema()),
        _ => Err(Error::new(pgverse_core::ErrorKind::NotFound, "there is no such call")
            .with("call", name)
            .hint(format!("the calls are: {}", CALLS.join(", ")))),
    }
}

/// A value as a host reads it.
///
/// # Errors
/// `Internal` if it has no form in JSON.
pub fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::internal("a result cannot be written as JSON").caused_by(e))
}

/// An error as a host reads it: kind, message, context and the way out, and the whole in one line.
pub fn error_json(error: &Error) -> Value {
    let context: serde_json::Map<String, Value> =
        error.context().iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())).collect();
    serde_json::json!({
        "kind": error.kind().as_str(),
        "message": error.message(),
        "context": context,
        "hint": error.way_out(),
        "text": error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_call_lists_the_known_ones_and_each_of_those_is_known() {
        let cx = Context::new();
        let error = dispatch(&cx, "optimise", "{}").await.unwrap_err();
        assert!(error.to_string().contains("rehearse"), "{error}");
        for name in CALLS {
            let error = dispatch(&cx, name, " []").await.unwrap_err();
            assert_eq!(error.message(), "the request is a list", "{name}");
        }
        assert_eq!(error_json(&error)["kind"], "not_found");
    }
}
