//! The pairs of VeriEQL (He and others, "VeriEQL: Bounded Equivalence Verification for Complex SQL Queries with
//! Integrity Constraints", OOPSLA 2024), read from a local copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use pgverse_core::answers::falsify::Falsification;
use pgverse_core::pg::quote::ident;
use pgverse_core::types::Change;
use serde_json::Value;

use crate::Options;
use crate::lab::{Bed, statement};
use crate::own::quantile;

/// One line of a result file.
struct Case {
    name: String,
    texts: [String; 2],
    schema: String,
    /// Whether VeriEQL refuted it; `None` where it could not read it.
    refuted: Option<bool>,
}

#[derive(Default)]
struct Tally {
    pairs: u32,
    caught: u32,
    missed: Vec<String>,
    needed: Vec<u32>,
}

/// Prints what falsification makes of the pairs in a file.
pub(crate) async fn run(file: &str, options: &Options) {
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let mut bed = Bed::of("").await;
    let (mut known, mut open) = (Tally::default(), Tally::default());
    let mut unreadable: BTreeMap<String, u32> = BTreeMap::new();
    let (mut databases, mut seconds) = (0_u32, 0.0_f64);
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let case = Case::read(&serde_json::from_str(line).expect("a line is a JSON object"));
        let Some(refuted) = case.refuted else {
            *unreadable.entry("not read by VeriEQL either".to_owned()).or_default() += 1;
            continue;
        };
        let begin = Instant::now();
        let tried = match attempt(&mut bed, &case, options).await {
            Ok(tried) => tried,
            Err(reason) => {
                *unreadable.entry(reason).or_default() += 1;
                continue;
            }
        };
        let tally = if refuted { &mut known } else { &mut open };
        tally.pairs += 1;
        match &tried {
            Falsification::Refuted { databases, counterexample } => {
                tally.caught += 1;
                tally.needed.push(*databases);
                if options.verbose || !refuted {
                    println!("{}\n  {}\n  {}\n{counterexample}", case.name, case.texts[0], case.texts[1]);
                }
            }
            Falsification::NotRefuted { databases: n, undecided } => {
                databases += n + undecided;
                seconds += begin.elapsed().as_secs_f64();
                tally.missed.push(case.name.clone());
            }
            Falsification::Impossible { reason } => {
                tally.missed.push(format!("{} ({reason})", case.name));
            }
        }
    }
    known.needed.sort_unstable();
    let name =
        std::path::Path::new(file).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    println!("{name}: caught {} of {} pairs that VeriEQL refuted", known.caught, known.pairs);
    println!(
        "{name}: databases until refuted: median {}, 90th percentile {}",
        quantile(&known.needed, 0.5),
        quantile(&known.needed, 0.9)
    );
    if !known.missed.is_empty() {
        println!("{name}: not caught: {}", known.missed.join(", "));
    }
    println!(
        "{name}: {} of {} pairs that VeriEQL did not refute are refuted here (above)",
        open.caught, open.pairs
    );
    for (reason, times) in unreadable {
        println!("{name}: {times} pairs left out: {reason}");
    }
    if seconds > 0.0 {
        println!("{name}: {:.0} databases a second", f64::from(databases) / seconds);
    }
}

async fn attempt(bed: &mut Bed, case: &Case, options: &Options) -> Result<Falsification, String> {
    let fresh = "DROP SCHEMA IF EXISTS pair CASCADE; CREATE SCHEMA pair; SET search_path TO pair";
    bed.run(fresh).await.expect("a schema can be made");
    for sql in case.schema.lines() {
        bed.run(sql).await.map_err(|e| format!("the schema is refused: {e}"))?;
    }
    bed.read_catalog().await;
    let (mut texts, mut shapes) = (Vec::new(), Vec::new());
    for text in &case.texts {
        let (text, shape) =
            readable(bed, text).await.map_err(|_| "PostgreSQL does not read it".to_owned())?;
        texts.push(text);
        shapes.push(shape);
    }
    if shapes[0].len() != shapes[1].len() {
        return Err("another number of columns".to_owned());
    }
    let texts: Vec<String> =
        if shapes[0] == shapes[1] { texts } else { texts.iter().map(|text| alike(text, &shapes)).collect() };
    let statement = statement(&texts[0], &[]);
    Ok(bed.falsify(&statement, &texts[1], &Change::default(), (options.databases, options.seed)).await)
}

/// The text as PostgreSQL reads it, with names and types of its columns: a JOIN without ON gets one.
async fn readable(bed: &Bed, text: &str) -> pgverse_core::Result<(String, Vec<(String, String)>)> {
    let error = match bed.shape(text).await {
        Ok(shape) => return Ok((text.to_owned(), shape)),
        Err(error) => error,
    };
    let position =
        error.context().iter().find(|(key, _)| *key == "position").map(|(_, v)| v.parse::<usize>());
    if let Some(Ok(position)) = position
        && let Some((before, after)) = text.split_at_checked(position - 1)
        && after.starts_with("WHERE")
    {
        let text = format!("{before}ON TRUE {after}");
        let shape = bed.shape(&text).await?;
        return Ok((text, shape));
    }
    Err(error)
}

/// The text with names and types of columns made alike: VeriEQL compares values only.
fn alike(text: &str, shapes: &[Vec<(String, String)>]) -> String {
    const NUMBERS: [&str; 6] = ["int2", "int4", "int8", "numeric", "float4", "float8"];
    let names: Vec<String> = (0..shapes[0].len()).map(|n| format!("c{n}")).collect();
    let columns: Vec<String> = names
        .iter()
        .zip(shapes[0].iter().zip(&shapes[1]))
        .map(|(name, ((_, a), (_, b)))| {
            let numbers = NUMBERS.contains(&a.as_str()) && NUMBERS.contains(&b.as_str());
            match (a == b, numbers) {
                (true, _) => name.clone(),
                (false, true) => format!("{name}::numeric AS {name}"),
                (false, false) => format!("{name}::text AS {name}"),
            }
        })
        .collect();
    format!("SELECT {} FROM ({text}) AS q({})", columns.join(", "), names.join(", "))
}

impl Case {
    fn read(line: &Value) -> Self {
        let state = line["states"].as_array().and_then(|s| s.last()).and_then(Value::as_str);
        let text = |n: usize| line["pair"][n].as_str().unwrap_or_default().to_owned();
        Self {
            name: format!("{} #{}", line["file"].as_str().unwrap_or("pair"), line["index"]),
            texts: [text(0), text(1)],
            schema: schema(line),
            refuted: match state {
                Some("NEQ") => Some(true),
                Some("EQU" | "TMO") => Some(false),
                _ => None,
            },
        }
    }
}

/// The tables, one statement a line; foreign keys last.
fn schema(line: &Value) -> String {
    let constraints: Vec<&Value> = line["constraint"].as_array().into_iter().flatten().collect();
    let column = |value: &Value| -> Option<(String, String)> {
        let (table, column) = value["value"].as_str()?.split_once("__")?;
        Some((table.to_lowercase(), column.to_lowercase()))
    };
    let words = compared_with_words(&format!("{} {}", line["pair"][0], line["pair"][1]));
    let mut sql = String::new();
    for (table, columns) in line["schema"].as_object().into_iter().flatten() {
        let table = table.to_lowercase();
        let mut parts: Vec<String> = columns
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, kind)| {
                let name = name.to_lowercase();
                let here = Some((table.clone(), name.clone()));
                let not_null = constraints.iter().any(|c| column(&c["not_null"]) == here);
                let mut kind = kind.as_str().unwrap_or("VARCHAR");
                // MySQL compares a number with a word; PostgreSQL wants a column of words.
                if words.contains(&name) {
                    kind = "VARCHAR";
                }
                format!("{} {kind}{}", ident(&name), if not_null { " NOT NULL" } else { "" })
            })
            .collect();
        for key in constraints.iter().filter_map(|c| c["primary"].as_array()) {
            let key: Vec<(String, String)> = key.iter().filter_map(column).collect();
            if key.first().is_some_and(|(t, _)| *t == table) {
                let names: Vec<String> = key.iter().map(|(_, c)| ident(c)).collect();
                parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
            }
        }
        let _ = writeln!(sql, "CREATE TABLE {} ({})", ident(&table), parts.join(", "));
    }
    for pair in constraints.iter().filter_map(|c| c["foreign"].as_array()) {
        if let (Some((child, own)), Some((parent, key))) =
            (pair.first().and_then(column), pair.get(1).and_then(column))
        {
            let _ = writeln!(
                sql,
                "ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({})",
                ident(&child),
                ident(&own),
                ident(&parent),
                ident(&key)
            );
        }
    }
    sql
}

/// Columns that a text compares with a string that is no number, such as `TITLE='CS'`.
fn compared_with_words(text: &str) -> Vec<String> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices("='")
        .filter(|(at, _)| text[at + 2..].starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter_map(|(at, _)| text[..at].rsplit(|c| !letter(c)).next().map(str::to_lowercase))
        .collect()
}
