//! Parameter values: the statement's own, and others of the same type.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::generate::Mood;
use super::values::{Class, Kind};
use crate::types::Statement;

/// A parameter of the statement.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) class: Class,
    pub(super) kind: Kind,
    /// Whether it stands in LIMIT or OFFSET, where only small numbers tell anything.
    pub(super) count: bool,
}

/// Values for one database.
pub(super) fn draw(
    parameters: &[Parameter],
    statement: &Statement,
    mood: &Mood,
    rng: &mut ChaCha8Rng,
) -> Vec<Option<String>> {
    let mut values = statement.parameter_sets.choose(rng).map_or_else(Vec::new, |set| set.values.clone());
    // Half of the databases meet the values that are really asked with.
    if parameters.is_empty() || rng.random_bool(0.5) {
        return values;
    }
    for (value, parameter) in values.iter_mut().zip(parameters) {
        if parameter.count {
            if rng.random_bool(0.7) {
                *value = Some(rng.random_range(0..4).to_string());
            }
            continue;
        }
        if rng.random_bool(0.1) {
            *value = None;
        } else if rng.random_bool(0.6) {
            let fitting: Vec<&String> =
                mood.domain(&parameter.kind).iter().filter(|v| parameter.class.fits(v)).collect();
            let fillers = parameter.class.fillers();
            let drawn = fitting.choose(rng).map(|v| (*v).clone()).or_else(|| fillers.choose(rng).cloned());
            // What no domain is known for keeps the statement's own value.
            if drawn.is_some() && parameter.class != Class::Other {
                *value = drawn;
            }
        }
    }
    values
}

/// The class of a parameter by the server's short name for its type.
pub(super) fn class_of(name: &str, labels: &[String]) -> (Class, String) {
    let (element, array) = match name.strip_prefix('_') {
        Some(element) => (element, "[]"),
        None => (name, ""),
    };
    let long = match element {
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bool" => "boolean",
        "varchar" => "character varying",
        "bpchar" => "text",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        "timetz" => "time with time zone",
        other => other,
    };
    let type_name = format!("{long}{array}");
    (Class::of(&type_name, labels), type_name)
}
