//! Values by type alone, and what lies beyond all values of a column.

use tokio_postgres::types::{Kind, Type};

use crate::pg::quote;
use crate::types::Selectivity;

/// The name of a type, for a cast.
pub(super) fn type_name(of: &Type) -> String {
    quote::qualified(of.schema(), of.name())
}

/// A literal of this type.
pub(super) fn typed(value: Option<&str>, of: &Type) -> String {
    format!("{}::{}", quote::literal_or_null(value), type_name(of))
}

/// A value of which only the type is known.
pub(super) fn usual(of: &Type) -> Option<String> {
    let text = match of.kind() {
        Kind::Array(element) => return usual(element).map(|value| array(&[value])),
        Kind::Enum(labels) => return labels.first().cloned(),
        Kind::Domain(base) => return usual(base),
        Kind::Range(_) => "empty",
        _ => match of.name() {
            "bool" => "true",
            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "oid" => "1",
            "timestamptz" | "timestamp" => "2025-06-01 00:00:00",
            "date" => "2025-06-01",
            "time" | "timetz" => "12:00:00",
            "interval" => "30 days",
            "json" | "jsonb" => "{}",
            "uuid" => "00000000-0000-4000-8000-000000000000",
            "inet" | "cidr" => "192.0.2.1",
            "bytea" => "\\x00",
            "text" | "varchar" | "bpchar" | "name" | "char" => "a",
            _ => return None,
        },
    };
    Some(text.to_owned())
}

/// An expression over `v` beyond its largest value (or below its smallest) that has this type; nothing where that
/// cannot be had.
pub(super) fn beyond(of: &Type, above: bool) -> Option<String> {
    let (end, sign) = if above { ("max(v)", "+") } else { ("min(v)", "-") };
    Some(match of.name() {
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "date" => {
            format!("({end} {sign} 1)::text")
        }
        "timestamptz" | "timestamp" | "interval" => format!("({end} {sign} interval '1 day')::text"),
        "text" | "varchar" | "bpchar" if above => "max(v) || '~'".to_owned(),
        "text" | "varchar" | "bpchar" => "''".to_owned(),
        _ => return None,
    })
}

/// A value that no row has, where the type alone allows one.
pub(super) fn absent(of: &Type) -> Option<String> {
    Some(match of.name() {
        "text" | "varchar" | "bpchar" => "pgverse-absent".to_owned(),
        "jsonb" => "{\"pgverse-absent\": true}".to_owned(),
        "uuid" => "ffffffff-ffff-4fff-bfff-ffffffffffff".to_owned(),
        "_text" | "_varchar" => "{pgverse-absent}".to_owned(),
        _ => return None,
    })
}

/// An array of these values in the server's input format.
pub(super) fn array(values: &[String]) -> String {
    let quoted = |value: &String| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// The range from one value to another, both in it, in the server's input format.
pub(super) fn range(lower: &str, upper: &str) -> String {
    let list = array(&[lower.to_owned(), upper.to_owned()]);
    format!("[{}]", list.trim_start_matches('{').trim_end_matches('}'))
}

/// A LIKE pattern for texts that begin so.
pub(super) fn pattern(begin: &str) -> String {
    let escaped = begin.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("{escaped}%")
}

/// The share of a set among those of its statement: an assumption, since the statistics do not tell how often which
/// value was asked for. Common values are asked for more often.
pub(super) fn weight(class: Selectivity) -> f64 {
    match class {
        Selectivity::Frequent => 5.0,
        Selectivity::Typical => 3.0,
        Selectivity::Rare => 1.5,
        Selectivity::Absent => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_input_format_of_the_server() {
        assert_eq!(array(&["a\"b".to_owned(), "c\\d".to_owned()]), r#"{"a\"b","c\\d"}"#);
        assert_eq!(range("1", "2 \"x\""), r#"["1","2 \"x\""]"#);
        assert_eq!(pattern("50%_x"), "50\\%\\_x%");
        assert_eq!(usual(&Type::INT4_ARRAY).as_deref(), Some("{\"1\"}"));
        assert_eq!(typed(Some("it's"), &Type::TEXT), "'it''s'::pg_catalog.text");
    }
}
