//! What the words of a sentence mean in this database.

use std::collections::BTreeSet;

use rust_stemmers::{Algorithm, Stemmer};
use serde::Serialize;

use super::numbers::milliseconds;
use crate::types::Catalog;

/// What a problem was understood to be about.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Understood {
    /// Tables that are named.
    pub tables: Vec<String>,
    /// Columns that are named, as `table.column`; of the named tables, if any table is named.
    pub columns: Vec<String>,
    /// Longer than this, milliseconds.
    pub min_mean_ms: Option<f64>,
    /// What is wrong.
    pub symptoms: Vec<Symptom>,
    /// What the statements do, where it is said.
    pub verbs: Vec<Verb>,
    /// Stems of the words that mean something, for the ranking.
    pub stems: Vec<String>,
    /// Words that mean nothing in this database.
    pub unknown: Vec<String>,
}

/// What a writing statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
}

impl Verb {
    pub(super) const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    /// The keyword, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The verb that a word of a sentence means, by its stem.
    fn of(stem: &str) -> Option<Self> {
        Some(match stem {
            "insert" | "add" => Self::Insert,
            "updat" | "chang" | "modifi" => Self::Update,
            "delet" | "remov" => Self::Delete,
            _ => return None,
        })
    }
}

/// What can be wrong with statements, and shows in their text or figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    /// A long mean time.
    Slow,
    /// A longest time far above the mean.
    Spikes,
    /// INSERT, UPDATE, DELETE.
    Writes,
    /// ORDER BY.
    Sorting,
    /// Aggregates and GROUP BY.
    Counting,
    /// LIKE and full-text search.
    Searching,
    /// Rows of one value of a column that is named.
    LookingUp,
    /// Many calls.
    Frequent,
}

impl std::fmt::Display for Symptom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slow => "slow",
            Self::Spikes => "spikes",
            Self::Writes => "writes",
            Self::Sorting => "sorting",
            Self::Counting => "counting",
            Self::Searching => "searching",
            Self::LookingUp => "looking up",
            Self::Frequent => "frequent",
        })
    }
}

/// Stems of the words for each symptom.
const SYMPTOMS: &[(Symptom, &[&str])] = &[
    (
        Symptom::Slow,
        &["slow", "slowly", "sluggish", "long", "takes", "taking", "lag", "hangs", "performance"],
    ),
    (Symptom::Spikes, &["spike", "timeout", "sometimes", "occasionally", "jitter", "outlier", "peak"]),
    (
        Symptom::Writes,
        &[
            "write", "insert", "update", "delete", "save", "saving", "placing", "changing", "change",
            "place", "add", "modify", "remove",
        ],
    ),
    (
        Symptom::Sorting,
        &["sort", "order by", "newest", "latest", "recent", "top", "largest", "biggest", "best", "ranking"],
    ),
    (
        Symptom::Counting,
        &["count", "sum", "total", "report", "statistics", "aggregate", "dashboard", "average"],
    ),
    (Symptom::Searching, &["search", "like", "contains", "pattern", "prefix", "find", "domain"]),
    (Symptom::LookingUp, &["lookup", "looking"]),
    (Symptom::Frequent, &["often", "frequent", "constantly", "load", "many", "cpu"]),
];

/// Words that say nothing about which statement is meant.
const EMPTY: &[&str] = &[
    "a",
    "about",
    "all",
    "an",
    "and",
    "are",
    "as",
    "at",
    "be",
    "been",
    "by",
    "can",
    "database",
    "do",
    "does",
    "each",
    "every",
    "for",
    "from",
    "get",
    "getting",
    "has",
    "have",
    "how",
    "i",
    "in",
    "into",
    "is",
    "it",
    "its",
    "make",
    "me",
    "more",
    "most",
    "ms",
    "my",
    "of",
    "on",
    "one",
    "or",
    "our",
    "over",
    "page",
    "please",
    "queries",
    "query",
    "row",
    "rows",
    "second",
    "seconds",
    "some",
    "statement",
    "statements",
    "table",
    "tables",
    "than",
    "that",
    "the",
    "their",
    "them",
    "there",
    "these",
    "they",
    "this",
    "those",
    "to",
    "too",
    "up",
    "us",
    "very",
    "was",
    "we",
    "when",
    "where",
    "which",
    "while",
    "who",
    "why",
    "with",
    "column",
    "columns",
    "column's",
    "s",
    "showing",
    "show",
    "list",
    "listing",
    "by",
    "per",
    "under",
    "above",
    "using",
    "need",
    "needs",
    "not",
    "no",
];

/// The words of an identifier or a sentence, in lower case: `createdAt`, `user_id`.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before_lower = false;
    for c in text.chars() {
        let new = !c.is_alphanumeric() || (c.is_uppercase() && before_lower);
        if new && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before_lower = c.is_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Stems of the words of an identifier or a sentence.
pub(super) fn stems(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    split(text).iter().map(|word| stemmer.stem(word).into_owned()).collect()
}

/// Whether all these stems are among those.
fn within(these: &[String], those: &[String]) -> bool {
    these.iter().all(|stem| those.contains(stem))
}

/// Reads a problem with the vocabulary of a catalog.
pub fn understand(problem: &str, catalog: &Catalog) -> Understood {
    let said = split(problem);
    let said_stems: Vec<String> = stems(problem);
    let has = |wanted: &[String]| !wanted.is_empty() && wanted.iter().all(|stem| said_stems.contains(stem));
    let mut understood = Understood { min_mean_ms: milliseconds(problem), ..Understood::default() };
    let mut meant: BTreeSet<String> = BTreeSet::new();
    for table in &catalog.tables {
        let words = stems(&table.name);
        if has(&words) {
            understood.tables.push(table.name.clone());
            meant.extend(words);
        }
    }
    // order items means the items, not the orders, where both are tables.
    let tables = understood.tables.clone();
    understood.tables.retain(|one| {
        let own = stems(one);
        !tables.iter().any(|other| within(&own, &stems(other)) && stems(other).len() > own.len())
    });
    // "orders of a user, by user id": the words of users are those of a column of orders that is said in full.
    let explained = |one: &String| {
        let own = stems(one);
        catalog.tables.iter().filter(|t| t.name != *one && understood.tables.contains(&t.name)).any(|t| {
            let columns = t.columns.iter().map(|column| stems(&column.name));
            columns.filter(|words| words.len() > own.len() && has(words)).any(|words| within(&own, &words))
        })
    };
    let tables: Vec<String> = understood.tables.iter().filter(|one| !explained(one)).cloned().collect();
    if !tables.is_empty() {
        understood.tables = tables;
    }
    for table in &catalog.tables {
        if !understood.tables.is_empty() && !understood.tables.contains(&table.name) {
            continue;
        }
        let said: Vec<_> = table.columns.iter().filter(|column| has(&stems(&column.name))).collect();
        for column in &said {
            // As with tables, user_id is meant, not id.
            let own = stems(&column.name);
            if said.iter().map(|c| stems(&c.name)).any(|c| c.len() > own.len() && within(&own, &c)) {
                continue;
            }
            understood.columns.push(format!("{}.{}", table.name, column.name));
            meant.extend(stems(&column.name));
        }
    }
    let vocabulary: BTreeSet<String> = catalog
        .tables
        .iter()
        .flat_map(|t| t.columns.iter().flat_map(|c| stems(&c.name)).chain(stems(&t.name)))
        .collect();
    for (word, stem) in said.iter().zip(&said_stems) {
        let symptom = SYMPTOMS.iter().find(|(_, words)| words.iter().any(|w| stems(w) == [stem.clone()]));
        if let Some((symptom, _)) = symptom
            && !understood.symptoms.contains(symptom)
        {
            understood.symptoms.push(*symptom);
        }
        if let Some(verb) = Verb::of(stem).filter(|v| !meant.contains(stem) && !understood.verbs.contains(v))
        {
            understood.verbs.push(verb);
        }
        let empty = EMPTY.contains(&word.as_str()) || word.chars().all(|c| c.is_ascii_digit());
        // Values of columns such as 'pending' and words of aliases stand in the statements themselves.
        if !empty && !meant.contains(stem) {
            if vocabulary.contains(stem) {
                meant.insert(stem.clone());
            } else if symptom.is_none() {
                understood.unknown.push(word.clone());
            }
        }
    }
    understood.stems = meant.into_iter().collect();
    understood
}
