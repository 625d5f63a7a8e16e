//! What a column can hold, and which columns share their values so that joins hit.

use super::{Decimal, Documents, moment, text};

/// What values of a column must look like.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Class {
    Integer {
        min: i64,
        max: i64,
    },
    /// Digits before and behind the point, where they are declared.
    Numeric {
        whole: Option<u32>,
        scale: Option<u32>,
    },
    /// Characters at the most.
    Text {
        longest: Option<usize>,
    },
    Boolean,
    Date,
    Timestamp,
    Time,
    Interval,
    Uuid,
    Json,
    Bytes,
    /// Labels.
    Enum(Vec<String>),
    Array(Box<Class>),
    /// Filled with what the table really holds.
    Other,
}

/// Columns of one kind draw from one domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Kind {
    Number,
    Text,
    Boolean,
    Moment,
    Time,
    Interval,
    Uuid,
    Json,
    Bytes,
    /// A type of its own, by name.
    Named(String),
}

/// Values of a domain at the most.
const MOST: usize = 120;

impl Class {
    /// Reads a type as `format_type` prints it; `labels` are those of an enum.
    pub(in super::super) fn of(type_name: &str, labels: &[String]) -> Self {
        if let Some(element) = type_name.strip_suffix("[]") {
            return Self::Array(Box::new(Self::of(element, labels)));
        }
        if !labels.is_empty() {
            return Self::Enum(labels.to_vec());
        }
        let (name, numbers) = split(type_name);
        let number = |at: usize| numbers.get(at).copied();
        match name.as_str() {
            "smallint" => Self::Integer { min: i16::MIN.into(), max: i16::MAX.into() },
            "integer" => Self::Integer { min: i32::MIN.into(), max: i32::MAX.into() },
            "bigint" => Self::Integer { min: i64::MIN, max: i64::MAX },
            "real" | "double precision" => Self::Numeric { whole: None, scale: None },
            "numeric" => {
                let scale = number(1).or(number(0).map(|_| 0));
                let whole = number(0).map(|digits| digits.saturating_sub(scale.unwrap_or(0)));
                Self::Numeric { whole, scale }
            }
            "text" | "name" | "citext" => Self::Text { longest: None },
            "character varying" | "character" => {
                let declared = number(0).or((name == "character").then_some(1));
                Self::Text { longest: declared.and_then(|n| usize::try_from(n).ok()) }
            }
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp without time zone" | "timestamp with time zone" => Self::Timestamp,
            "time without time zone" | "time with time zone" => Self::Time,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "json" | "jsonb" => Self::Json,
            "bytea" => Self::Bytes,
            _ => Self::Other,
        }
    }

    /// The domain that a column of this class and type draws from.
    pub(in super::super) fn kind(&self, type_name: &str) -> Kind {
        match self {
            Self::Integer { .. } | Self::Numeric { .. } => Kind::Number,
            Self::Text { .. } => Kind::Text,
            Self::Boolean => Kind::Boolean,
            Self::Date | Self::Timestamp => Kind::Moment,
            Self::Time => Kind::Time,
            Self::Interval => Kind::Interval,
            Self::Uuid => Kind::Uuid,
            Self::Json => Kind::Json,
            Self::Bytes => Kind::Bytes,
            Self::Enum(_) | Self::Array(_) | Self::Other => Kind::Named(type_name.to_owned()),
        }
    }

    /// Whether the server would take this value, as far as can be told without asking it.
    pub(in super::super) fn fits(&self, value: &str) -> bool {
        match self {
            Self::Integer { min, max } => {
                Decimal::parse(value).and_then(Decimal::integer).is_some_and(|n| n >= *min && n <= *max)
            }
            Self::Numeric { whole, scale } => Decimal::parse(value).is_some_and(|n| {
                scale.is_none_or(|s| n.scale() <= s) && whole.is_none_or(|w| n.whole_digits_at_most(w))
            }),
            Self::Text { longest } => longest.is_none_or(|n| value.chars().count() <= n),
            Self::Enum(labels) => labels.iter().any(|l| l == value),
            Self::Date | Self::Timestamp => !moment::around(value).is_empty() && value.len() > 4,
            _ => true,
        }
    }

    /// The constants themselves, as values of this class.
    pub(in super::super) fn exactly(&self, constants: &[String], documents: &Documents) -> Vec<String> {
        let all: Vec<String> = match self {
            Self::Integer { .. } | Self::Numeric { .. } => {
                constants.iter().filter_map(|c| Decimal::parse(c)).map(|n| n.to_string()).collect()
            }
            Self::Text { .. } => constants.iter().flat_map(|c| text::matching(c)).collect(),
            Self::Date | Self::Timestamp => constants.iter().filter_map(|c| moment::exactly(c)).collect(),
            Self::Json => documents.variants().into_iter().take(4).collect(),
            _ => self.around(constants, documents),
        };
        distinct(all).into_iter().filter(|v| self.fits(v)).collect()
    }

    /// Values at and around these constants.
    pub(in super::super) fn around(&self, constants: &[String], documents: &Documents) -> Vec<String> {
        let all: Vec<String> = match self {
            Self::Integer { .. } | Self::Numeric { .. } => constants
                .iter()
                .filter_map(|c| Decimal::parse(c))
                .flat_map(Decimal::neighbours)
                .map(|n| n.to_string())
                .collect(),
            Self::Text { .. } => constants.iter().flat_map(|c| text::around(c)).collect(),
            Self::Date | Self::Timestamp => constants.iter().flat_map(|c| moment::around(c)).collect(),
            Self::Json => documents.variants(),
            Self::Uuid => constants.iter().filter(|c| is_uuid(c)).cloned().collect(),
            Self::Enum(labels) => constants.iter().filter(|c| labels.contains(c)).cloned().collect(),
            Self::Boolean => {
                constants.iter().filter(|c| matches!(c.as_str(), "true" | "false")).cloned().collect()
            }
            Self::Time | Self::Interval | Self::Bytes | Self::Other => Vec::new(),
            Self::Array(element) => {
                let literals = constants.iter().filter(|c| c.starts_with('{') && c.ends_with('}')).cloned();
                let elements = element.around(constants, documents);
                literals.chain(lists(&elements)).collect()
            }
        };
        distinct(all).into_iter().filter(|v| self.fits(v)).take(MOST).collect()
    }

    /// Values that need no constant.
    pub(in super::super) fn fillers(&self) -> Vec<String> {
        let listed: &[&str] = match self {
            Self::Integer { .. } | Self::Numeric { .. } => &["0", "1", "2", "3", "4", "-1"],
            Self::Text { .. } => &["a", "b", "A", "c", "", "ab"],
            Self::Boolean => &["true", "false"],
            Self::Date | Self::Timestamp => &[
                "2024-01-01 00:00:00",
                "2024-01-31 00:00:00",
                "2024-02-01 00:00:00",
                "2024-02-29 23:59:59.999999",
                "2023-12-31 12:00:00",
            ],
            Self::Time => &["00:00:00", "12:00:00", "23:59:59.999999"],
            Self::Interval => &["0", "1 day", "1 mon", "00:00:01"],
            Self::Uuid => &[
                "00000000-0000-0000-0000-000000000001",
                "00000000-0000-0000-0000-000000000002",
                "00000000-0000-0000-0000-000000000003",
                "00000000-0000-0000-0000-000000000004",
            ],
            Self::Json => &[],
            Self::Bytes => &["\\x", "\\x00", "\\x01"],
            Self::Enum(labels) => return labels.clone(),
            Self::Array(element) => return lists(&element.fillers()),
            // Many types read at least one of these; the server is asked which.
            Self::Other => &["0", "1", "a", "b", "10.0.0.1", "empty", "[1,3)", "(1,2)"],
        };
        listed.iter().map(|v| (*v).to_owned()).filter(|v| self.fits(v)).collect()
    }

    /// One more value of this class, for keys that need many.
    pub(in super::super) fn numbered(&self, number: usize) -> Option<String> {
        let value = match self {
            Self::Integer { .. } | Self::Numeric { .. } => number.to_string(),
            Self::Text { .. } => format!("k{number}"),
            Self::Uuid => format!("00000000-0000-0000-0000-{number:012}"),
            Self::Date | Self::Timestamp => {
                format!(
                    "20{:02}-{:02}-{:02} 00:00:00",
                    number / 336 % 100,
                    number / 28 % 12 + 1,
                    number % 28 + 1
                )
            }
            Self::Json => format!("{{\"n\": {number}}}"),
            Self::Bytes => format!("\\x{number:08x}"),
            _ => return None,
        };
        self.fits(&value).then_some(value)
    }
}

/// Arrays of none, one and two of the elements.
fn lists(elements: &[String]) -> Vec<String> {
    let quoted: Vec<String> = elements
        .iter()
        .take(6)
        .map(|e| format!("\"{}\"", e.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    let mut all = vec!["{}".to_owned()];
    all.extend(quoted.iter().map(|e| format!("{{{e}}}")));
    all.extend(quoted.windows(2).map(|pair| format!("{{{}}}", pair.join(","))));
    all
}

/// `numeric(10,2)` into its name and numbers; also `timestamp(3) without time zone`.
fn split(type_name: &str) -> (String, Vec<u32>) {
    let Some((before, rest)) = type_name.split_once('(') else { return (type_name.to_owned(), Vec::new()) };
    let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
    let numbers = inside.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (format!("{before}{after}"), numbers)
}

fn is_uuid(text: &str) -> bool {
    let digits: Vec<&str> = text.split('-').collect();
    digits.iter().map(|d| d.len()).eq([8, 4, 4, 4, 12])
        && digits.iter().all(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The first of each.
pub(in super::super) fn distinct(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    values.into_iter().filter(|v| seen.insert(v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_the_server_prints_them() {
        assert_eq!(Class::of("numeric(10,2)", &[]), Class::Numeric { whole: Some(8), scale: Some(2) });
        assert_eq!(Class::of("character varying(20)", &[]), Class::Text { longest: Some(20) });
        assert_eq!(Class::of("character(3)", &[]), Class::Text { longest: Some(3) });
        assert_eq!(Class::of("timestamp(3) with time zone", &[]), Class::Timestamp);
        assert_eq!(Class::of("integer[]", &[]).kind("integer[]"), Kind::Named("integer[]".into()));
        assert_eq!(Class::of("mood", &["sad".into()]), Class::Enum(vec!["sad".into()]));
        assert_eq!(Class::of("tsvector", &[]), Class::Other);
    }

    #[test]
    fn values_fit_their_column() {
        let constants = ["40000".to_owned(), "0.055".to_owned(), "2024-05-01".to_owned(), "open".to_owned()];
        let none = Documents::default();
        let around = |t: &str| Class::of(t, &[]).around(&constants, &none);
        assert_eq!(around("smallint"), ["0", "1"]);
        assert_eq!(around("integer"), ["40000", "40001", "39999", "0", "1"]);
        assert!(around("numeric(6,2)").iter().all(|v| Class::of("numeric(6,2)", &[]).fits(v)));
        assert!(around("date").iter().any(|v| v == "2024-04-30 00:00:00"));
        assert!(around("character varying(4)").iter().all(|v| v.chars().count() <= 4));
        assert_eq!(Class::of("integer", &[]).numbered(7).as_deref(), Some("7"));
        assert!(Class::of("text[]", &[]).fillers().contains(&"{\"a\",\"b\"}".to_owned()));
    }
}
