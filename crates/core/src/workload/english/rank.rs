//! Which statements a problem is about.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{Symptom, Understood, Verb, stems};
use crate::error::{Error, Result};
use crate::types::StatementKind;
use crate::workload::parameters::conditions;
use crate::workload::scan::code;
use crate::workload::stats::{Chosen, names};

/// Saturation and length normalization of BM25, the usual ones.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// What structure adds to the score of the words, which for a rare word is about 2: a statement that does what is said
/// (INSERT, UPDATE, DELETE), a condition on a named column itself, or on an expression over it, a symptom that shows, a
/// table that is named, and (taken away) a condition on what nobody spoke of.
const VERB: f64 = 3.0;
const CONDITION: f64 = 2.0;
const CONDITION_OVER: f64 = 1.0;
const SYMPTOM: f64 = 1.5;
const TABLE: f64 = 0.5;
const UNSAID: f64 = 0.5;

/// A statement that a problem is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Its place in what was given.
    pub index: usize,
    /// Higher is nearer.
    pub score: f64,
    /// Why, in words.
    pub why: String,
}

/// The statements that a problem is about, nearest first: those that score at least half of the best.
///
/// # Errors
/// `InvalidInput` with what was looked for, when nothing fits.
pub fn rank(understood: &Understood, statements: &[Chosen]) -> Result<Vec<Ranked>> {
    let documents: Vec<Vec<String>> = statements.iter().map(|s| stems(&s.entry.query)).collect();
    #[allow(clippy::cast_precision_loss)] // Counts of words.
    let (count, length) = (
        documents.len().max(1) as f64,
        documents.iter().map(Vec::len).sum::<usize>() as f64 / documents.len().max(1) as f64,
    );
    let mut frequency: BTreeMap<&str, f64> = BTreeMap::new();
    for document in &documents {
        for stem in document.iter().map(String::as_str).collect::<BTreeSet<_>>() {
            *frequency.entry(stem).or_default() += 1.0;
        }
    }
    let wanted: Vec<String> =
        understood.stems.iter().cloned().chain(understood.unknown.iter().flat_map(|w| stems(w))).collect();
    let busiest = statements.iter().map(|s| s.entry.total_ms).fold(f64::MIN_POSITIVE, f64::max);
    let mut ranked: Vec<Ranked> = Vec::new();
    for (index, (statement, document)) in statements.iter().zip(&documents).enumerate() {
        if understood.min_mean_ms.is_some_and(|least| statement.entry.mean_ms() < least) {
            continue;
        }
        let (mut score, mut words) = (0.0, Vec::new());
        for stem in &wanted {
            #[allow(clippy::cast_precision_loss)]
            let times = document.iter().filter(|s| *s == stem).count() as f64;
            if times > 0.0 {
                let n = frequency.get(stem.as_str()).copied().unwrap_or_default();
                let rarity = (1.0 + (count - n + 0.5) / (n + 0.5)).ln();
                #[allow(clippy::cast_precision_loss)]
                let long = 1.0 - B + B * document.len() as f64 / length.max(1.0);
                score += rarity * times * (K1 + 1.0) / (times + K1 * long);
                words.push(stem.as_str());
            }
        }
        if score == 0.0 && !wanted.is_empty() {
            continue;
        }
        let shown: Vec<Symptom> =
            understood.symptoms.iter().copied().filter(|s| shows(*s, statement, document)).collect();
        for symptom in &shown {
            score += if *symptom == Symptom::Slow { 0.0 } else { SYMPTOM };
        }
        let (structure, mut grounds) = structure(understood, &wanted, statement);
        score = (score + structure).max(f64::MIN_POSITIVE);
        // Between equals, the one that costs more.
        score += 0.1 * statement.entry.total_ms / busiest;
        let mut why = Vec::new();
        if !words.is_empty() {
            why.push(format!("words: {}", words.join(", ")));
        }
        if !shown.is_empty() {
            why.push(format!(
                "symptoms: {}",
                shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ));
        }
        why.append(&mut grounds);
        why.push(format!("mean {:.3} ms", statement.entry.mean_ms()));
        ranked.push(Ranked { index, score, why: why.join("; ") });
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    let best = ranked.first().map_or(0.0, |r| r.score);
    ranked.retain(|r| r.score >= best / 2.0);
    let nothing_said =
        wanted.is_empty() && understood.symptoms.is_empty() && understood.min_mean_ms.is_none();
    if ranked.is_empty() || nothing_said {
        return Err(missing(understood, statements));
    }
    Ok(ranked)
}

/// What the structure of a statement adds to its score, and why.
fn structure(understood: &Understood, wanted: &[String], statement: &Chosen) -> (f64, Vec<String>) {
    let (mut score, mut why) = (0.0, Vec::new());
    let query = &statement.entry.query;
    if let Some(verb) = verb(statement).filter(|verb| understood.verbs.contains(verb)) {
        score += VERB;
        why.push(format!("does: {}", verb.as_str()));
    }
    if understood.tables.iter().any(|table| names(query, table)) {
        score += TABLE;
    }
    let mut columns: BTreeMap<&str, f64> = BTreeMap::new();
    for condition in conditions(query) {
        let said = understood.columns.iter().filter_map(|column| column.rsplit('.').next());
        let over: Vec<&str> = said.filter(|column| names(&condition.on, column)).collect();
        for column in &over {
            let bare =
                condition.on.rsplit('.').next().is_some_and(|last| last.trim().trim_matches('"') == *column);
            let looked_up = condition.equal && understood.symptoms.contains(&Symptom::LookingUp);
            let worth = columns.entry(column).or_default();
            *worth = worth
                .max(if bare { CONDITION } else { CONDITION_OVER } + if looked_up { SYMPTOM } else { 0.0 });
        }
        if over.is_empty() && !stems(&condition.on).iter().any(|stem| wanted.contains(stem)) {
            score -= UNSAID;
        }
    }
    if !columns.is_empty() {
        why.push(format!("conditions on: {}", columns.keys().copied().collect::<Vec<_>>().join(", ")));
    }
    (score + columns.values().sum::<f64>(), why)
}

/// What a writing statement does.
fn verb(statement: &Chosen) -> Option<Verb> {
    let writes = statement.kind == StatementKind::Write;
    code(&statement.entry.query)
        .filter(|_| writes)
        .find_map(|token| Verb::ALL.into_iter().find(|verb| token.is_word(verb.as_str())))
}

fn missing(understood: &Understood, statements: &[Chosen]) -> Error {
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let least = understood.min_mean_ms.map_or("none".to_owned(), |ms| format!("{ms} ms"));
    let slowest = statements.iter().map(|s| s.entry.mean_ms()).fold(0.0, f64::max);
    let symptoms: Vec<String> = understood.symptoms.iter().map(ToString::to_string).collect();
    Error::invalid("no statement fits the problem")
        .with("tables", list(&understood.tables))
        .with("columns", list(&understood.columns))
        .with("mean time at least", least)
        .with("symptoms", list(&symptoms))
        .with("not understood", list(&understood.unknown))
        .with("statements", statements.len())
        .with("slowest mean", format!("{slowest:.3} ms"))
        .hint("name a table or a column of this database, what is wrong with it, or a lower time; `pgverse workload --stats` shows what there is")
}

fn shows(symptom: Symptom, statement: &Chosen, document: &[String]) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| document.iter().any(|stem| stem == word));
    match symptom {
        Symptom::Slow => statement.entry.mean_ms() >= 1.0,
        Symptom::Spikes => statement.entry.max_ms > 5.0 * statement.entry.mean_ms(),
        Symptom::Writes => statement.kind == StatementKind::Write,
        Symptom::Sorting => {
            has(&["order"]) && statement.entry.query.to_ascii_lowercase().contains("order by")
        }
        Symptom::Counting => has(&["count", "sum", "avg", "group"]),
        Symptom::Searching => {
            has(&["like", "ilik"])
                || ["@>", "@@", "?"]
                    .iter()
                    .any(|operator| code(&statement.entry.query).any(|t| t.text == *operator))
        }
        // Depends on the column: see the structure.
        Symptom::LookingUp => false,
        Symptom::Frequent => statement.weight >= 60.0,
    }
}
