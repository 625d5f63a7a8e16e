//! A workload in JSON: what we write ourselves, and a shorter form for people.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::draft::{Draft, Drafts, Given};
use super::position::Position;
use super::split::split;
use crate::error::{Error, Result};
use crate::types::{Origin, ParameterSet, StatementKind};

/// The outer form: a list of entries, or an object that holds it, as `Workload` is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Document {
    #[schemars(with = "Vec<Entry>")]
    statements: Vec<Value>,
}

/// One statement; what a written `Statement` has beyond the short form is checked or computed anew.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "One statement, of which only `sql` is needed.")]
struct Entry {
    /// Unique in the file; `statement_N` if not given.
    id: Option<String>,
    /// One SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE or MERGE, with `$1`, `$2` … for its parameters.
    sql: String,
    /// Computed anew.
    #[serde(rename = "fingerprint")]
    _fingerprint: Option<String>,
    /// Whether it reads or writes, which is checked.
    kind: Option<StatementKind>,
    /// The values it is called with.
    #[serde(default)]
    #[schemars(with = "SetsForm")]
    parameter_sets: Sets,
    /// Calls per minute, or any other common unit; 1 if not given.
    #[schemars(extend("exclusiveMinimum" = 0))]
    weight: Option<f64>,
}

/// Sets of parameter values, as they are written in a `Workload` or by name.
#[derive(Default)]
struct Sets(Vec<ParameterSet>);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Weighted {
    #[schemars(with = "Vec<Scalar>")]
    values: Vec<Value>,
    /// The share among the sets of the statement.
    #[serde(default = "one")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    weight: f64,
}

/// The forms of [`Sets`] and of its values, for the schema alone: read by hand, they get better messages.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum SetsForm {
    Named(BTreeMap<String, NamedForm>),
    Written(Option<Vec<ParameterSet>>),
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum NamedForm {
    Values(Vec<Scalar>),
    Weighted(Weighted),
}

/// A value for a parameter; what JSON has no form for is a string in the input format of PostgreSQL.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Scalar {
    Text(Option<String>),
    Number(f64),
    Truth(bool),
}

/// A workload file in JSON or TOML.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum WorkloadFile {
    List(Vec<Entry>),
    Document(Document),
}

/// JSON Schema of a workload file in JSON or TOML, draft 2020-12.
pub fn schema() -> Value {
    schemars::schema_for!(WorkloadFile).to_value()
}

fn one() -> f64 {
    1.0
}

/// How a workload is written, and what its form is.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    hint: &'static str,
}

const JSON: Form = Form {
    name: "JSON",
    hint: "give a list of {\"id\", \"sql\", \"weight\", \"parameter_sets\": {\"name\": [values]}}, of which only sql \
           is needed",
};

const TOML: Form = Form {
    name: "TOML",
    hint: "begin each statement with [[statements]], with sql = \"…\" and, if wanted, id, weight and parameter_sets",
};

impl Form {
    fn malformed(self, e: serde_json::Error) -> Error {
        Error::invalid(format!("the workload is not in the {} form", self.name)).caused_by(e).hint(self.hint)
    }
}

pub(super) fn read<'a>(text: &str, usual: &'a [ParameterSet]) -> Result<Drafts<'a>> {
    let document =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| JSON.malformed(e))?;
    read_value(document, usual, JSON)
}

/// The same in TOML: `[[statements]]`, each with the keys of an entry.
pub(super) fn read_toml<'a>(text: &str, usual: &'a [ParameterSet]) -> Result<Drafts<'a>> {
    let text = text.trim_start_matches('\u{feff}');
    let document: Value = toml::from_str(text).map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Position::START
            .after(before)
            .error(format!("the workload is not TOML: {}", e.message()))
            .hint(TOML.hint)
    })?;
    read_value(document, usual, TOML)
}

fn read_value<'a>(document: Value, usual: &'a [ParameterSet], form: Form) -> Result<Drafts<'a>> {
    let entries = match document {
        Value::Array(entries) => entries,
        document => Document::deserialize(document).map_err(|e| form.malformed(e))?.statements,
    };
    let mut drafts = Drafts::new(usual);
    for (index, value) in entries.into_iter().enumerate() {
        let name = match value.get("id") {
            Some(Value::String(id)) => id.clone(),
            _ => format!("statement_{}", index + 1),
        };
        Entry::deserialize(value)
            .map_err(|e| form.malformed(e))
            .and_then(|entry| add(&mut drafts, entry))
            .map_err(|e| e.with("statement", name))?;
    }
    Ok(drafts)
}

fn add(drafts: &mut Drafts<'_>, entry: Entry) -> Result<()> {
    let pieces = split(&entry.sql)?;
    let [piece] = pieces.as_slice() else {
        return Err(Error::invalid(format!("sql holds {} statements instead of one", pieces.len()))
            .hint("give each statement an entry of its own"));
    };
    let at = piece.position();
    let mut draft = Draft::new(piece.text, at);
    draft.name = entry.id.map(|id| (id, at));
    draft.stated = entry.kind;
    draft.weight = entry.weight.map(positive).transpose()?;
    for set in entry.parameter_sets.0 {
        positive(set.weight)?;
        // How a statement without parameters is written.
        if !set.values.is_empty() {
            draft.sets.push(Given { set, at: None });
        }
    }
    drafts.add(draft)
}

fn positive(weight: f64) -> Result<f64> {
    if weight.is_finite() && weight > 0.0 {
        return Ok(weight);
    }
    Err(Error::invalid(format!("the weight {weight} is not a positive number")))
}

impl<'de> Deserialize<'de> for Sets {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        use serde::de::Error as _;
        let sets = match Value::deserialize(deserializer)? {
            Value::Null => Vec::new(),
            Value::Object(named) => by_name(named).map_err(D::Error::custom)?,
            written => Vec::deserialize(written).map_err(D::Error::custom)?,
        };
        Ok(Self(sets))
    }
}

fn by_name(named: Map<String, Value>) -> std::result::Result<Vec<ParameterSet>, String> {
    let set = |(name, value): (String, Value)| {
        let Weighted { values, weight } = match value {
            Value::Array(values) => Weighted { values, weight: 1.0 },
            object => Weighted::deserialize(object).map_err(|e| format!("parameter set {name:?}: {e}"))?,
        };
        let values: std::result::Result<_, _> = values.into_iter().map(text).collect();
        let values = values.map_err(|e| format!("parameter set {name:?}: {e}"))?;
        Ok(ParameterSet { id: name.into(), values, weight, origin: Origin::Given })
    };
    named.into_iter().map(set).collect()
}

/// A value in the server's input format.
fn text(value: Value) -> std::result::Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(value.to_string())),
        Value::String(value) => Ok(Some(value)),
        Value::Number(number) => {
            let digits = number.to_string();
            // Beyond the precision of a double the digits that were written are lost already.
            let exact = !number.is_f64() || digits.bytes().filter(u8::is_ascii_digit).count() <= 15;
            exact
                .then_some(Some(digits))
                .ok_or_else(|| "a number of so many digits must be written as a string".into())
        }
        Value::Array(_) | Value::Object(_) => {
            Err("an array or object must be written as a string, in the input format of PostgreSQL".into())
        }
    }
}
