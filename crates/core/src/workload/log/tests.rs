//! Logs that PostgreSQL 15 wrote in all three formats at once, and broken ones.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const STDERR: &str = include_str!("../fixtures/log/server.log");
const CSV: &str = include_str!("../fixtures/log/server.csv");
const JSON: &str = include_str!("../fixtures/log/server.json");

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read_all(files: &[(&str, &[u8])]) -> Result<LogReading> {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, bytes)| file(&folder, name, bytes)).collect();
    read(&Context::new(), &Options::of(paths), |_| {})
}

fn only(text: &str) -> LogReading {
    read_all(&[("x.log", text.as_bytes())]).unwrap()
}

fn observed<'a>(reading: &'a LogReading, part: &str) -> (&'a crate::types::Statement, &'a Observed) {
    let statement = reading.workload.statements.iter().find(|s| s.sql.contains(part));
    let statement = statement.unwrap_or_else(|| panic!("{part} in {:#?}", reading.workload));
    (statement, reading.statements.iter().find(|o| o.id == statement.id).unwrap())
}

#[test]
fn all_formats_of_one_run_say_the_same() {
    let readings: Vec<LogReading> = [("a.log", STDERR), ("b.csv", CSV), ("c.json", JSON)]
        .map(|(name, text)| read_all(&[(name, text.as_bytes())]).unwrap())
        .into();
    let formats: Vec<Format> = readings.iter().map(|r| r.files[0].1).collect();
    assert_eq!(formats, [Format::Stderr, Format::Csvlog, Format::Jsonlog]);
    for reading in &readings {
        assert_eq!((reading.lines_not_understood, &reading.examples), (0, &Vec::new()));
        assert_eq!(reading.workload, readings[0].workload);
        assert_eq!(reading.statements, readings[0].statements);
        assert_eq!((reading.calls, reading.entries), (readings[0].calls, readings[0].entries));
    }
    let reading = &readings[0];
    // Parse and bind are phases of the call that follows, not calls.
    let (by_id, seen) = observed(reading, "select name from t where id = $1");
    assert_eq!((seen.calls, seen.timed_calls, by_id.parameter_sets[0].origin), (4, 4, Origin::Log));
    assert!(
        (seen.total_ms
            - (0.482 + 0.498 + 0.035 + 0.043 + 0.013 + 0.506 + 0.486 + 0.035 + 0.027 + 0.038 + 0.012))
            .abs()
            < 1e-9
    );
    assert!(by_id.parameter_sets.iter().any(|set| set.values == [Some("343".to_owned())]));
    // log_statement, then log_duration; the literal of a comparison is a parameter, that of LIMIT too.
    let (limited, seen) = observed(reading, "select 1 from t limit $1");
    assert_eq!(
        (seen.total_ms, limited.parameter_sets[0].values.clone()),
        (0.344, vec![Some("1".to_owned())])
    );
    // PREPARE and EXECUTE in SQL, with a NULL.
    let (prepared, seen) = observed(reading, "id = $1 or name = $2");
    assert_eq!(seen.calls, 2);
    assert!(prepared.parameter_sets.iter().any(|set| set.values == [Some("2".to_owned()), None]));
    assert!(seen.plan.as_ref().is_some_and(|plan| plan.contains("\"Seq Scan\"")));
    // auto_explain does not count twice.
    assert_eq!(observed(reading, "select count(*) from t where id < $1").1.calls, 2);
    assert!(
        reading
            .left_out
            .iter()
            .any(|l| l.sql.starts_with("create table") && l.reason.starts_with("CREATE TABLE"))
    );
}

use crate::types::Origin;

#[test]
fn quantiles_are_those_of_the_durations() {
    let line = |ms: u32| {
        format!(
            "2026-11-25 16:50:41.910 UTC [7] LOG:  duration: {ms}.000 ms  statement: SELECT * FROM t WHERE a = {ms}\n"
        )
    };
    let reading = only(&(1..=100).map(line).collect::<String>());
    let (_, seen) = observed(&reading, "FROM t");
    let near = |ms: Option<f64>, right: f64| ms.is_some_and(|ms| (ms / right - 1.0).abs() < 0.02);
    assert!(near(seen.p95_ms, 95.0) && seen.max_ms == Some(100.0), "{seen:?}");
}

#[test]
fn what_pgverse_asked_and_what_reads_catalogs_is_no_workload() {
    let line = |app: &str, sql: &str| {
        format!(
            "2026-11-25 16:50:41 UTC [7]: user=me,db=shop,app={app},client=h LOG:  duration: 1.000 ms  statement: {sql}\n"
        )
    };
    let mut text = line("psql", "SELECT a FROM t") + &line("pgverse lab", "SELECT b FROM t");
    text += &line("psql", "SELECT relname FROM pg_class");
    let reading = only(&text);
    assert_eq!((reading.own, reading.workload.statements.len()), (1, 1), "{reading:#?}");
    assert_eq!(reading.left_out[0].reason, "it reads system catalogs");
}

#[test]
fn a_log_that_does_not_name_the_database_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let text = "2026-11-25 16:50:41.910 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT a FROM t WHERE m = 'a@b '\n";
    let path = file(&folder, "x.log", text.as_bytes());
    let filter = super::Filter { database: Some("shop".to_owned()), user: None };
    let reading = read(&Context::new(), &Options { filter, ..Options::of(vec![path]) }, |_| {}).unwrap();
    assert_eq!((reading.calls, reading.filtered, reading.unnamed), (1, 0, 1));
}

#[test]
fn packed_files_folders_and_rotated_files_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let half = CSV.len() / 2;
    let cut = half + CSV[half..].find("\n2026").unwrap() + 1;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&CSV.as_bytes()[..cut]).unwrap();
    let first = file(&folder, "a.csv.gz", &gz.finish().unwrap());
    let second = file(&folder, "b.csv", &CSV.as_bytes()[cut..]);
    let whole = read_all(&[("w.csv", CSV.as_bytes())]).unwrap();
    let parts = read(&Context::new(), &Options::of(vec![first.clone(), second]), |_| {}).unwrap();
    assert_eq!((parts.workload, parts.statements), (whole.workload.clone(), whole.statements));
    file(&folder, "notes.txt", b"not a log");
    // The same in other formats.
    file(&folder, "b.log", STDERR.as_bytes());
    file(&folder, "b.json", JSON.as_bytes());
    let all = read(&Context::new(), &Options::of(vec![folder.path().to_owned()]), |_| {}).unwrap();
    assert_eq!((all.files.len(), all.calls, all.twins.len()), (2, whole.calls, 2));
    file(&folder, "a.csv.gz", &std::fs::read(&first).unwrap()[..200]);
    let error = read(&Context::new(), &Options::of(vec![first]), |_| {}).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
}

#[test]
fn what_is_torn_is_counted_and_shown_and_the_rest_is_read() {
    let whole = read_all(&[("w.csv", CSV.as_bytes())]).unwrap();
    let at = CSV.find("select count(*) from t where id < 100;").unwrap();
    let torn = format!("garbage\n{}\n{}", &CSV[..at], &CSV[CSV[..at].rfind("\n2026").unwrap() + 1..]);
    let reading = read_all(&[("t.csv", torn.as_bytes())]).unwrap();
    assert_eq!((reading.calls, reading.lines_not_understood), (whole.calls, 2));
    assert_eq!((reading.examples[0].line, reading.examples[0].text.as_str()), (1, "garbage"));
    let reading = only(&format!("{STDERR}no prefix here\n\u{fffd}\n"));
    assert_eq!(reading.lines_not_understood, 2);
    assert_eq!(reading.examples[1].line, 1 + reading.examples[0].line);
}

#[test]
fn other_encodings_survive() {
    let mut log = b"2026-11-25 10:00:00.000 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT a FROM t WHERE n = 'caf\xe9'\n".to_vec();
    log.extend_from_slice(b"2026-11-25 10:01:00.000 UTC [7] LOG:  duration: 3.000 ms  statement: SELECT a FROM t WHERE n = 'x'\n");
    let reading = read_all(&[("x.log", &log)]).unwrap();
    assert_eq!((reading.calls, reading.wrong_encoding, reading.workload.statements.len()), (2, 1, 1));
    assert_eq!(reading.workload.statements[0].weight, 2.0);
    assert_eq!(reading.statements[0].mean_ms, Some(2.0));
}

#[test]
fn repeated_lookups_are_one_finding() {
    let mut log = String::new();
    for page in 0..3 {
        let line = |text: String| {
            format!("2026-11-25 10:00:{page:02}.000 UTC [7] me@shop LOG:  duration: 0.500 ms  {text}\n")
        };
        log += &line("statement: SELECT id, user_id FROM orders WHERE total > 100".to_owned());
        for user in 0..10 {
            log += &line(format!("statement: SELECT name FROM users WHERE id = {}", page * 100 + user));
        }
    }
    let reading = only(&log);
    assert_eq!(reading.repeated.len(), 1, "{:#?}", reading.repeated);
    let found = &reading.repeated[0];
    assert_eq!((found.times, found.calls, found.most, found.total_ms), (3, 30, 10, 15.0));
    assert_eq!(found.after.as_deref(), Some("SELECT id, user_id FROM orders WHERE total > $1"));
    assert_eq!(found.replacement.as_deref(), Some("SELECT id, name FROM users WHERE id = ANY($1)"));
    assert!(found.statement.is_some());
}

#[test]
fn parameter_sets_are_the_frequent_the_slowest_and_a_typical_one() {
    let mut log = String::new();
    for n in 0..100 {
        let (value, ms) = if n == 50 {
            (7777, 90.0)
        } else if n % 2 == 0 {
            (42, 1.0)
        } else {
            (n, 2.0)
        };
        log += &format!(
            "2026-11-25 10:00:00.000 UTC [7] LOG:  duration: {ms:.3} ms  execute <unnamed>: SELECT a FROM t WHERE b = $1\n"
        );
        log += &format!("2026-11-25 10:00:00.000 UTC [7] DETAIL:  Parameters: $1 = '{value}'\n");
    }
    let sets = &only(&log).workload.statements[0].parameter_sets;
    let of = |name: &str| {
        sets.iter()
            .find(|set| set.id.as_str() == name)
            .map(|set| (set.values[0].clone().unwrap(), set.weight))
    };
    assert_eq!(of("frequent"), Some(("42".to_owned(), 0.49)));
    assert_eq!(of("slowest"), Some(("7777".to_owned(), 0.05)));
    assert!(of("typical").is_some());
    assert!((2..=4).contains(&sets.len()));
}

#[test]
fn a_log_without_statements_says_how_to_get_them() {
    let none = read_all(&[("x.log", b"2026-11-25 10:00:00.000 UTC [7] LOG:  checkpoint starting: time\n")]);
    assert!(none.unwrap_err().to_string().contains("log_min_duration_statement = 0"));
    let strange = read_all(&[("x.log", b"hello\nworld\n")]);
    assert!(strange.unwrap_err().to_string().contains("--log-prefix"));
    let unknown =
        "2026-11-25 10:00:00.000 UTC [7] LOG:  duration: 1 ms  execute a: SELECT a FROM t WHERE b = $1\n";
    let reading = only(unknown);
    assert!(reading.left_out[0].reason.contains("log_parameter_max_length"), "{:?}", reading.left_out);
    let error = read(&Context::new(), &Options::of(vec!["/no/such.log".into()]), |_| {}).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::NotFound);
}

#[test]
fn a_comma_within_the_time_is_no_record() {
    assert!(read_all(&[("x.csv", b"2026-11-25 16:50:4,.910 UTC,,,1")]).is_err());
}

#[test]
fn only_the_wanted_database_counts() {
    let folder = tempfile::tempdir().unwrap();
    let line = |db: &str| {
        format!(
            "2026-11-25 10:00:00.000 UTC [7] me@{db} LOG:  duration: 1 ms  statement: SELECT 1 FROM {db}\n"
        )
    };
    let path = file(&folder, "x.log", (line("shop") + &line("other")).as_bytes());
    let mut options = Options::of(vec![path]);
    options.filter.database = Some("shop".to_owned());
    let reading = read(&Context::new(), &options, |_| {}).unwrap();
    assert_eq!((reading.calls, reading.filtered), (1, 1));
}

/// Real logs with bytes changed, lost and doubled, and text made of what matters.
pub(super) fn broken() -> impl Strategy<Value = Vec<u8>> {
    let real = prop::sample::select(vec![STDERR, CSV, JSON]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 0..12);
    (real, edits, any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(
        |(real, edits, from, to)| {
            let (a, b) = (from.index(real.len()), to.index(real.len()));
            let mut bytes = real.as_bytes()[a.min(b)..a.max(b)].to_vec();
            for (place, what, byte) in edits.into_iter().filter(|_| b != a) {
                if bytes.is_empty() {
                    break;
                }
                let at = place.index(bytes.len());
                match what {
                    0 => bytes[at] = byte,
                    1 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len()))),
                    2 => bytes.insert(at, b"\"'\n\t\\,{$"[usize::from(byte) % 8]),
                    _ => {
                        let part = bytes[at..(at + usize::from(byte)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::super::cases(64), ..ProptestConfig::default() })]

    #[test]
    fn any_log_is_read_or_refused(bytes in broken(), prefix in prop::option::of("[%a-zA-Z \\[\\]@:,-]{0,12}")) {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::of(vec![file(&folder, "x.log", &bytes)]);
        options.prefix = prefix;
        if let Ok(reading) = read(&Context::new(), &options, |_| {}) {
            prop_assert_eq!(reading.statements.len(), reading.workload.statements.len());
            let text = serde_json::to_string(&reading.workload).unwrap();
            prop_assert!(reading.workload.statements.is_empty() || crate::workload::parse(&text, "w.json").is_ok());
        }
    }

    #[test]
    fn any_message_is_read_or_not(text in any::<String>()) {
        let _ = message::parameters(&text);
        let _ = message::planned(&text);
        let _ = message::read(text.as_bytes());
        let shape = shape::Shape::of(&text);
        prop_assert_eq!(shape.text(&text).is_empty(), shape.head().is_empty());
        let _ = repeated::folded(&text, None);
    }
}
