//! Whole workloads, good and bad.

use proptest::prelude::*;

use super::*;
use crate::types::StatementKind::{Read, Write};
use crate::types::{ParameterSet, Statement, StatementKind};

const SHOP: &str = include_str!("fixtures/shop.sql");

fn refused(text: &str) -> String {
    parse(text, "w.sql").unwrap_err().to_string()
}

fn refused_json(text: &str) -> String {
    parse(text, "w.json").unwrap_err().to_string()
}

fn values(set: &ParameterSet) -> Vec<Option<&str>> {
    set.values.iter().map(Option::as_deref).collect()
}

#[test]
fn a_shop() {
    let parsed = parse_with_origins(SHOP, "shop.sql").unwrap();
    let seen: Vec<(&str, StatementKind, f64, usize)> = parsed
        .workload
        .statements
        .iter()
        .map(|s| (s.id.as_str(), s.kind, s.weight, s.parameter_sets.len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("gmail_report", Read, 1.0, 1),
            ("recent_orders", Read, 120.0, 2),
            ("by_name", Read, 1.0, 1),
            ("jsonb_contains", Read, 1.0, 1),
            ("correlated", Read, 1.0, 1),
            ("top_n", Read, 1.0, 1),
            ("materialized", Read, 1.0, 1),
            ("statement_8", Read, 0.5, 1),
            ("insert_orders", Write, 1.0, 1),
            ("ship", Write, 1.0, 1),
            ("purge", Write, 1.0, 1),
        ]
    );
    assert_eq!(parsed.notes, []);
    let recent = &parsed.workload.statements[1];
    assert!(
        recent.sql.starts_with("SELECT id, total, status, created_at\nFROM orders")
            && recent.sql.ends_with("LIMIT $2")
    );
    assert_eq!(recent.parameter_sets[0].id.as_str(), "frequent");
    assert_eq!(recent.weight_of(&recent.parameter_sets[0]), 108.0);
    assert_eq!(values(&recent.parameter_sets[1]), [Some("77"), Some("10")]);
    assert_eq!(values(&parsed.workload.statements[2].parameter_sets[0]), [Some("O'Neil, Ada"), None]);
    assert_eq!(parsed.workload.statements[0].parameter_sets, [ParameterSet::none()]);
}

#[test]
fn positions_of_the_server_become_places_in_the_file() {
    let parsed = parse_with_origins(SHOP, "shop.sql").unwrap();
    let id = StatementId::from("recent_orders");
    let at = parsed.workload.statement(&id).unwrap().sql.find("user_id").unwrap() + 1;
    let place = parsed.locate(&id, at).unwrap();
    assert_eq!(place.file, "shop.sql");
    let line = SHOP.lines().nth(place.line - 1).unwrap();
    assert_eq!(line[place.column - 1..].split(' ').next(), Some("user_id"));

    let error = Error::new(ErrorKind::Sql, "column \"user_id\" does not exist").with("position", at);
    assert_eq!(
        parsed.place(&id, error).to_string(),
        format!(
            "column \"user_id\" does not exist (position: {at}, name: recent_orders, line: {}, column: {}, file: shop.sql)",
            place.line, place.column
        )
    );
    let error = Error::new(ErrorKind::Timeout, "too slow");
    let begin = parsed.origins[&id].line;
    assert!(parsed.place(&id, error).to_string().contains(&format!("line: {begin}, column: 1")));
}

#[test]
fn nothing_in_it() {
    let message = "the workload has no statements (file: w.sql); give at least one statement, such as: SELECT count(*) FROM orders;";
    for empty in ["", " \n", ";;", "-- a comment\n/* and another */", "\u{feff}"] {
        assert_eq!(refused(empty), message);
    }
    assert_eq!(refused_json("[]"), message.replace("w.sql", "w.json"));
}

#[test]
fn bad_input_is_refused_with_its_place() {
    for (text, message) in [
        (
            "SELECT 1;\n\nSELEC * FROM x;",
            "syntax error at or near \"SELEC\" (line: 3, column: 1, file: w.sql); is SELECT meant?",
        ),
        (
            "-- name: a\nSELECT 1;\n  -- name: a\nSELECT 2;",
            "two statements are named \"a\" (line: 3, column: 3, file: w.sql); give each its own name",
        ),
        (
            "-- name: statement_2\nSELECT 1;\nSELECT 2;",
            "two statements are named \"statement_2\" (line: 3, column: 1, file: w.sql); give each its own name",
        ),
        (
            "-- weight: 0\nSELECT 1;",
            "the weight \"0\" is not a positive number (line: 1, column: 1, file: w.sql); write: -- weight: 120",
        ),
        (
            "-- wieght: 3\nSELECT 1;",
            "\"wieght\" is probably meant to be \"weight\" (line: 1, column: 1, file: w.sql); correct it, or word \
             the comment differently",
        ),
        (
            "-- params a: 1\nSELECT $1 + $2;",
            "params \"a\" have 1 value, but the statement uses $1 to $2 (line: 1, column: 1, file: w.sql); separate \
             values with commas, and quote one that holds a comma: 'a, b'",
        ),
        (
            "-- params a: 1, 2\nSELECT $1, '$2', $$ $3 $$, \"$4\";",
            "params \"a\" have 2 values, but the statement uses $1 (line: 1, column: 1, file: w.sql); separate values \
             with commas, and quote one that holds a comma: 'a, b'",
        ),
        (
            "-- params a: 1\nSELECT 1;",
            "params \"a\" are given, but the statement has no $1 (line: 1, column: 1, file: w.sql); write $1, $2 … in \
             the statement where the values go, or remove the line",
        ),
        (
            "-- params a: 1\n-- params a: 2\nSELECT $1;",
            "two sets of params are named \"a\" (line: 2, column: 1, file: w.sql); give each its own name",
        ),
        (
            "SELECT *\nFROM t WHERE a = $1 AND b = $2;",
            "the statement uses $1 to $2, but no values are given (line: 2, column: 18, file: w.sql); give them in a \
             line before the statement, such as: -- params typical: 42, 'a text'",
        ),
        (
            "SELECT $0;",
            "$0 is not a parameter (line: 1, column: 8, file: w.sql); they are counted from $1 to $65535",
        ),
        (
            "SELECT $99999999999999999999999;",
            "$99999999999999999999999 is not a parameter (line: 1, column: 8, file: w.sql); they are counted from $1 \
             to $65535",
        ),
        (
            "-- name: a w\nSELECT 1;",
            "\"a\" is marked as one that writes, but it reads (line: 1, column: 1, file: w.sql)",
        ),
        (
            "-- name: a r\nDELETE FROM t;",
            "\"a\" is marked as one that reads, but it writes (line: 1, column: 1, file: w.sql)",
        ),
        (
            "-- name: a\n-- name: b\nSELECT 1;",
            "the statement already has a name (line: 2, column: 1, file: w.sql); one name line for each statement",
        ),
        (
            "-- weight: 1\n-- weight: 2\nSELECT 1;",
            "the statement already has a weight (line: 2, column: 1, file: w.sql); one weight line for each statement",
        ),
        (
            "SELECT 1; -- weight: 3\nSELECT 2;",
            "no statement follows this line (line: 1, column: 11, file: w.sql); put it on a line of its own before \
             the statement that it is about",
        ),
        (
            "SELECT 1;\n-- weight: 3\n",
            "no statement follows this line (line: 2, column: 1, file: w.sql); put it before its statement, or remove it",
        ),
        (
            "SELECT 1;\nBEGIN;",
            "BEGIN cannot be measured: only what can be repeated and rolled back can, which is SELECT, VALUES, TABLE, \
             INSERT, UPDATE, DELETE and MERGE (line: 2, column: 1, file: w.sql); leave it out: each statement runs in \
             a transaction of its own, and writes are rolled back",
        ),
        ("SELECT 'a", "a quoted text is never closed (line: 1, column: 8, file: w.sql)"),
    ] {
        assert_eq!(refused(text), message, "{text}");
    }
    // The first error counts: the data behind COPY is never looked at.
    assert!(refused("COPY t FROM STDIN;\nit's\n\\.\n").starts_with("COPY cannot be measured"));
}

#[test]
fn what_the_parser_does_not_read_is_left_to_the_server() {
    let parsed = parse_with_origins("SELECT 1;\n-- name: odd\nSELECT * FORM x;", "w.sql").unwrap();
    assert_eq!(
        parsed.notes,
        [Note {
            statement: "odd".into(),
            message: "missing comma (line 3, column 9): not understood, left to the server".into()
        }]
    );
}

#[test]
fn json_in_both_forms() {
    let short = r#"[
        {"sql": "SELECT 1;"},
        {"id": "b", "sql": "SELECT $1, $2, $3, $4", "weight": 2.5,
         "parameter_sets": {"x": [1, 2.5, null, true], "y": {"values": ["a, b", "it's", "", -7], "weight": 9}}}
    ]"#;
    let workload = parse(short, "anything").unwrap();
    let b = &workload.statements[1];
    assert_eq!(workload.statements[0].id.as_str(), "statement_1");
    assert_eq!(workload.statements[0].sql, "SELECT 1");
    assert_eq!((b.kind, b.weight), (Read, 2.5));
    assert_eq!(values(&b.parameter_sets[0]), [Some("1"), Some("2.5"), None, Some("true")]);
    assert_eq!(values(&b.parameter_sets[1]), [Some("a, b"), Some("it's"), Some(""), Some("-7")]);
    assert_eq!(b.parameter_sets[1].weight, 9.0);

    for workload in [workload, parse(SHOP, "shop.sql").unwrap()] {
        let written = serde_json::to_string(&workload).unwrap();
        assert_eq!(parse(&written, "w.json").unwrap(), workload);
    }
    assert_eq!(parse_with_origins(short, "w.json").unwrap().locate(&"b".into(), 1), None);
}

#[test]
fn bad_json_is_refused_with_its_statement() {
    let form = "give a list of {\"id\", \"sql\", \"weight\", \"parameter_sets\": {\"name\": [values]}}, of which only sql is needed";
    for (text, message) in [
        (
            "[{]",
            format!("the workload is not in the JSON form (file: w.json): key must be a string at line 1 column 3; {form}"),
        ),
        (
            r#"[{"sql": "SELECT 1"}, {"sql": "SELECT 1", "wieght": 1}]"#,
            format!(
                "the workload is not in the JSON form (statement: statement_2, file: w.json): unknown field `wieght`, \
                 expected one of `id`, `sql`, `fingerprint`, `kind`, `parameter_sets`, `weight`; {form}"
            ),
        ),
        (
            r#"[{"id": "a", "sql": "SELECT $1", "parameter_sets": {"x": [[1]]}}]"#,
            format!(
                "the workload is not in the JSON form (statement: a, file: w.json): parameter set \"x\": an array or \
                 object must be written as a string, in the input format of PostgreSQL; {form}"
            ),
        ),
        (
            r#"[{"id": "a", "sql": "SELECT $1", "parameter_sets": {"x": [12345678901234567890123]}}]"#,
            format!(
                "the workload is not in the JSON form (statement: a, file: w.json): parameter set \"x\": a number of so \
                 many digits must be written as a string; {form}"
            ),
        ),
        (
            r#"[{"id": "a", "sql": "SELECT 1; SELECT 2"}]"#,
            "sql holds 2 statements instead of one (statement: a, file: w.json); give each statement an entry of its own".into(),
        ),
        (
            r#"[{"id": "a", "sql": "SELECT 1", "weight": 0}]"#,
            "the weight 0 is not a positive number (statement: a, file: w.json)".into(),
        ),
        (
            r#"[{"id": "a", "sql": "SELECT 1,\n 'x"}]"#,
            "a quoted text is never closed (line: 2, column: 2, statement: a, file: w.json)".into(),
        ),
        (
            r#"{"statements": [{"id": "a", "sql": "DELETE FROM t", "kind": "read"}]}"#,
            "\"a\" is marked as one that reads, but it writes (line: 1, column: 1, statement: a, file: w.json)".into(),
        ),
    ] {
        assert_eq!(refused_json(text), message, "{text}");
    }
}

#[test]
fn files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.sql");
    assert_eq!(load(&path).unwrap_err().kind(), ErrorKind::NotFound);
    std::fs::write(&path, "SELECT 1;\nSELECT 2;").unwrap();
    assert_eq!(load(&path).unwrap().statements.len(), 2);
    assert_eq!(load_with_origins(&path).unwrap().origins[&"statement_2".into()].line, 2);
    std::fs::write(&path, b"SELECT 1;\nSELECT '\xe4';").unwrap();
    assert_eq!(
        load(&path).unwrap_err().to_string(),
        format!(
            "the workload is not UTF-8 text (line: 2, file: {}); convert it, for example: iconv -f LATIN1 -t UTF-8",
            path.display()
        )
    );
    assert_eq!(load(dir.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Statements with what surrounds them, whole or broken.
fn workload() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "SELECT 1",
        "SELECT $1",
        "SELECT a FROM t WHERE b = ",
        "DELETE FROM t",
        "WITH x AS (",
        ")",
        "'it''s'",
        "'",
        "\"",
        "$$",
        "$1",
        ";",
        ";\n",
        "\n",
        " ",
        "-- name: a",
        "-- name: b r",
        "-- weight: 2",
        "-- params x: 1",
        "-- params y (weight 2): 'a, b'",
        "-- params",
        "--",
        "/*",
        "*/",
        "IN (1, 2)",
        "VALUES (1), (2)",
        "FOR UPDATE",
        "INTO t",
        "CASE",
        "END",
        "\\d",
        "[",
        "{",
        "ü",
    ]);
    prop::collection::vec(parts, 0..25).prop_map(|parts| parts.join(" "))
}

#[test]
fn toml_says_the_same_as_json() {
    let toml = "[[statements]]\nid = \"a\"\nweight = 120\nsql = \"SELECT $1, $2\"\n\
        parameter_sets.frequent = { values = [4242, \"x\"], weight = 9 }\nparameter_sets.rare = [77, true]\n\
        [[statements]]\nsql = \"SELECT 1\"\n";
    let json = r#"[{"id": "a", "weight": 120, "sql": "SELECT $1, $2",
        "parameter_sets": {"frequent": {"values": [4242, "x"], "weight": 9}, "rare": [77, true]}}, {"sql": "SELECT 1"}]"#;
    assert_eq!(parse(toml, "w.toml").unwrap(), parse(json, "w.json").unwrap());
    let error = parse("[[statements]]\nsql = \n", "w.toml").unwrap_err().to_string();
    assert!(error.starts_with("the workload is not TOML: ") && error.contains("line: 2"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = parse(&text, "w.sql");
        let _ = parse(&text, "w.json");
        let _ = parse(&text, "w.toml");
    }

    #[test]
    fn what_is_read_keeps_the_rules(text in workload()) {
        if let Ok(parsed) = parse_with_origins(&text, "w.sql") {
            for Statement { id, sql, parameter_sets, weight, .. } in &parsed.workload.statements {
                prop_assert!(!sql.is_empty() && !parameter_sets.is_empty() && *weight > 0.0);
                let place = &parsed.origins[id];
                let line = text.split('\n').nth(place.line - 1).unwrap();
                let from: String = line.chars().skip(place.column - 1).collect();
                prop_assert!(sql.starts_with(&from) || from.starts_with(sql.as_str()));
                prop_assert!(parsed.locate(id, sql.chars().count()).is_some());
            }
            let written = serde_json::to_string(&parsed.workload).unwrap();
            prop_assert_eq!(parse(&written, "w.json").unwrap(), parsed.workload);
        }
    }
}
