//! Tiny databases, made to hurt: few values shared by all columns so that joins hit, duplicates, NULLs, empty
//! tables, constants of the query and their neighbours. Declared keys, foreign keys and NOT NULL are kept.

use std::collections::{BTreeMap, HashSet};

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::scene::{Domain, Field, Foreign, Target};
use super::values::Kind;

/// Values of a row, in the order of the table's fields.
pub(super) type Row = Vec<Option<String>>;

/// Rows of each table, in the order of the targets.
pub(super) type Database = Vec<Vec<Row>>;

/// Tries to find a row that keeps the keys.
const TRIES: usize = 10;

/// What all databases of a statement have in common.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub(super) targets: &'a [Target],
    pub(super) domains: &'a BTreeMap<Kind, Domain>,
    /// The largest small whole number of the texts, as of LIMIT or HAVING count(*).
    pub(super) count: usize,
    /// Larger ones; now and then one table gets that many rows.
    pub(super) tall: Vec<usize>,
}

/// What one database is like.
#[derive(Debug)]
pub(super) struct Mood {
    domains: BTreeMap<Kind, Vec<String>>,
    /// Columns, by name, that have one value everywhere but in keys: so that what remains can vary while long
    /// joins still hit.
    fixed: BTreeMap<String, String>,
    null_rate: f64,
    /// How often a column takes the constants that it is compared with.
    own: f64,
    /// How often it takes their neighbours instead.
    near: f64,
    /// How often it takes what it really holds.
    samples: f64,
    duplicates: f64,
    most_rows: usize,
    /// So many rows in each table; the first rows of all tables have the same values, the second ones too …
    aligned: Option<usize>,
    /// Whether tables have one row or about as many as the texts count to.
    counting: bool,
    empty: f64,
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, choices: &[T], default: T) -> T {
    choices.choose(rng).copied().unwrap_or(default)
}

impl Recipe<'_> {
    /// Draws the character of a database.
    pub(super) fn mood(&self, rng: &mut ChaCha8Rng) -> Mood {
        let size = pick(rng, &[1, 2, 3, 5, usize::MAX], 3);
        let wide = rng.random_bool(0.5);
        let domains = self
            .domains
            .iter()
            .map(|(kind, domain)| {
                let values = if wide { &domain.wide } else { &domain.plain };
                let some = values.sample(rng, size.min(values.len())).cloned().collect();
                (kind.clone(), some)
            })
            .collect();
        let read = self.targets.iter().filter(|t| t.read).count();
        #[allow(clippy::cast_precision_loss)] // A handful of tables.
        let empty = (0.6 / read.max(1) as f64).min(0.2);
        let mut mood = Mood {
            domains,
            fixed: BTreeMap::new(),
            null_rate: pick(rng, &[0.0, 0.1, 0.3], 0.0),
            own: pick(rng, &[0.0, 0.5, 0.9], 0.0),
            near: pick(rng, &[0.0, 0.3, 1.0], 0.0),
            samples: pick(rng, &[0.0, 0.0, 0.0, 0.5], 0.0),
            duplicates: pick(rng, &[0.0, 0.2, 0.4], 0.0),
            most_rows: pick(rng, &[1, 2, 3, 4, self.count + 2], 3),
            aligned: rng.random_bool(0.15).then(|| pick(rng, &[2, 2, 3, self.count + 1], 2)),
            counting: rng.random_bool(0.25),
            empty,
        };
        let columns: BTreeMap<&str, &Field> =
            self.targets.iter().flat_map(|t| &t.columns).map(|field| (field.name.as_str(), field)).collect();
        let columns: Vec<&Field> = columns.into_values().collect();
        let most = columns.len();
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = match mood.aligned {
            Some(_) => pick(rng, &[0, 1, 1, 2], 1),
            None => (most as f64 * pick(rng, &[0.0, 0.0, 0.5, 0.8], 0.0)).round() as usize,
        };
        for field in columns.sample(rng, count.min(most)).copied().collect::<Vec<_>>() {
            if let Some(Some(value)) = value(field, &mood, self.domains, rng) {
                mood.fixed.insert(field.name.clone(), value);
            }
        }
        mood
    }

    /// Fills the tables.
    pub(super) fn database(&self, mood: &Mood, rng: &mut ChaCha8Rng) -> Database {
        let tall = if !self.tall.is_empty() && rng.random_bool(0.03) {
            let rows = pick(rng, &self.tall, 0) + rng.random_range(0..3);
            Some((rng.random_range(0..self.targets.len().max(1)), rows))
        } else {
            None
        };
        let mut database: Database = Vec::with_capacity(self.targets.len());
        for (position, target) in self.targets.iter().enumerate() {
            let rows = match (tall, mood.aligned) {
                (Some((table, rows)), _) if table == position => rows,
                (_, Some(rows)) => rows,
                _ if target.read && rng.random_bool(mood.empty) => 0,
                _ if mood.counting => {
                    pick(rng, &[1, 1, self.count.max(2) - 1, self.count.max(1), self.count + 1], 1)
                }
                _ => rng.random_range(1..=mood.most_rows),
            };
            let filled = self.table(target, position, rows, mood, &database, rng);
            database.push(filled);
        }
        database
    }

    fn table(
        &self,
        target: &Target,
        position: usize,
        rows: usize,
        mood: &Mood,
        before: &Database,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Row> {
        let mut filled: Vec<Row> = Vec::with_capacity(rows);
        let mut seen: Vec<HashSet<Vec<String>>> = vec![HashSet::new(); target.unique.len()];
        for _ in 0..rows {
            for attempt in 0..TRIES {
                let number = (attempt * 2 >= TRIES).then(|| rng.random_range(0..rows * 2 + 2));
                let Some(row) = self.row((target, position), (before, &filled), mood, number, rng) else {
                    continue;
                };
                let keys: Vec<Option<Vec<String>>> =
                    target.unique.iter().map(|key| key.iter().map(|&c| row[c].clone()).collect()).collect();
                let taken = keys.iter().zip(&seen).any(|(k, s)| k.as_ref().is_some_and(|k| s.contains(k)));
                if !taken {
                    for (key, seen) in keys.into_iter().zip(&mut seen) {
                        seen.extend(key);
                    }
                    filled.push(row);
                    break;
                }
            }
        }
        filled.shuffle(rng);
        filled
    }

    /// One row; `None` where a foreign key finds nothing to point at. With `number`, key columns count.
    fn row(
        &self,
        (target, position): (&Target, usize),
        (before, filled): (&Database, &[Row]),
        mood: &Mood,
        number: Option<usize>,
        rng: &mut ChaCha8Rng,
    ) -> Option<Row> {
        let in_key = |column: usize| target.unique.iter().any(|key| key.contains(&column));
        let mut row: Row = vec![None; target.columns.len()];
        let mut set = vec![false; target.columns.len()];
        if let Some(model) = filled.choose(rng)
            && rng.random_bool(mood.duplicates)
        {
            for column in (0..row.len()).filter(|&c| !in_key(c)) {
                row[column].clone_from(&model[column]);
                set[column] = true;
            }
        }
        let mut to_itself = Vec::new();
        for foreign in &target.foreign {
            let parents = if foreign.parent == position {
                Some(filled)
            } else {
                before.get(foreign.parent).map(Vec::as_slice)
            };
            if !self.point(target, foreign, parents.unwrap_or(&[]), (&mut row, &mut set), mood, rng) {
                if foreign.parent != position {
                    return None;
                }
                to_itself.push(foreign);
            }
        }
        for (column, field) in target.columns.iter().enumerate().filter(|(c, _)| !set[*c]) {
            let counted = number.filter(|_| in_key(column)).and_then(|n| field.class.numbered(n));
            let planned = match mood.fixed.get(&field.name).filter(|_| !in_key(column)) {
                None if mood.aligned.is_some() && rng.random_bool(0.97) => aligned(field, mood, filled.len()),
                fixed => fixed.cloned(),
            };
            row[column] = match (counted, planned.filter(|v| field.takes(v))) {
                (Some(value), _) if field.takes(&value) => Some(value),
                (_, Some(_)) if field.nullable && rng.random_bool(mood.null_rate) => None,
                (_, Some(value)) => Some(value),
                (_, None) => value(field, mood, self.domains, rng)?,
            };
        }
        for foreign in to_itself {
            for (&column, &own) in foreign.columns.iter().zip(&foreign.parent_columns) {
                row[column] = row[own].clone();
            }
        }
        Some(row)
    }

    /// Lets a foreign key point at a row of its parent, or at nothing where it may.
    fn point(
        &self,
        target: &Target,
        foreign: &Foreign,
        parents: &[Row],
        (row, set): (&mut Row, &mut [bool]),
        mood: &Mood,
        rng: &mut ChaCha8Rng,
    ) -> bool {
        let free: Vec<usize> = foreign.columns.iter().copied().filter(|&c| !set[c]).collect();
        let nullable = free.iter().find(|&&c| target.columns[c].nullable).copied();
        let fitting: Vec<&Row> = parents
            .iter()
            .filter(|parent| {
                foreign
                    .columns
                    .iter()
                    .zip(&foreign.parent_columns)
                    .all(|(&own, &key)| parent[key].is_some() && (!set[own] || row[own] == parent[key]))
            })
            .collect();
        let nothing = nullable.is_some() && rng.random_bool(mood.null_rate);
        if let (Some(parent), false) = (fitting.choose(rng), nothing) {
            for (&own, &key) in foreign.columns.iter().zip(&foreign.parent_columns) {
                row[own].clone_from(&parent[key]);
                set[own] = true;
            }
            return true;
        }
        if let Some(column) = nullable {
            row[column] = None;
            set[column] = true;
            return true;
        }
        // All set already by a row that was copied or by another key: the server decides.
        free.is_empty()
    }
}

/// A value for a column; `None` if there is none to be had.
#[allow(clippy::option_option)]
fn value(
    field: &Field,
    mood: &Mood,
    domains: &BTreeMap<Kind, Domain>,
    rng: &mut ChaCha8Rng,
) -> Option<Option<String>> {
    if field.nullable && rng.random_bool(mood.null_rate) {
        return Some(None);
    }
    let some = |values: &[String], rng: &mut ChaCha8Rng| {
        let fitting: Vec<&String> = values.iter().filter(|v| field.takes(v)).collect();
        fitting.choose(rng).map(|v| Some((*v).clone()))
    };
    if rng.random_bool(mood.samples)
        && let Some(value) = some(&field.samples, rng)
    {
        return Some(value);
    }
    if rng.random_bool(mood.own) {
        let from = if rng.random_bool(mood.near) { &field.near } else { &field.own };
        if let Some(value) = some(from, rng) {
            return Some(value);
        }
    }
    some(mood.domain(&field.kind), rng)
        .or_else(|| some(&field.near, rng))
        .or_else(|| some(&field.samples, rng))
        .or_else(|| some(&domains.get(&field.kind)?.wide, rng))
        .or_else(|| field.nullable.then_some(None))
}

/// The value that goes with a row's number.
fn aligned(field: &Field, mood: &Mood, number: usize) -> Option<String> {
    let fitting: Vec<&String> = mood.domain(&field.kind).iter().filter(|v| field.takes(v)).collect();
    fitting.get(number % fitting.len().max(1)).map(|v| (*v).clone())
}

impl Mood {
    /// Values of a kind in this database.
    pub(super) fn domain(&self, kind: &Kind) -> &[String] {
        self.domains.get(kind).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::answers::falsify::values::Class;

    fn field(name: &str, type_name: &str, nullable: bool) -> Field {
        let class = Class::of(type_name, &[]);
        Field {
            name: name.into(),
            type_name: type_name.into(),
            kind: class.kind(type_name),
            class,
            nullable,
            own: Vec::new(),
            near: Vec::new(),
            samples: Vec::new(),
            conditions: Vec::new(),
            valid: None,
        }
    }

    fn target(name: &str, columns: Vec<Field>, unique: Vec<Vec<usize>>, foreign: Vec<Foreign>) -> Target {
        Target {
            schema: "public".into(),
            name: name.into(),
            read: true,
            columns,
            unique,
            foreign,
            on_conflict: true,
        }
    }

    fn domain(values: &[&str]) -> Domain {
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        Domain { plain: values.clone(), wide: values }
    }

    fn targets() -> Vec<Target> {
        let up =
            |columns: &[usize]| Foreign { columns: columns.to_vec(), parent: 0, parent_columns: vec![0] };
        vec![
            target(
                "p",
                vec![field("id", "integer", false), field("up", "integer", true)],
                vec![vec![0]],
                vec![up(&[1])],
            ),
            target("c", vec![field("p", "integer", false), field("x", "text", true)], vec![], vec![up(&[0])]),
        ]
    }

    #[test]
    fn keys_hold_and_everything_that_hurts_comes_up() {
        let targets = targets();
        let domains =
            BTreeMap::from([(Kind::Number, domain(&["0", "1", "7"])), (Kind::Text, domain(&["a", "b"]))]);
        let recipe = Recipe { targets: &targets, domains: &domains, count: 4, tall: vec![20] };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut empty, mut duplicate, mut null, mut six, mut tall) = (0, 0, 0, 0, 0);
        for _ in 0..600 {
            let mood = recipe.mood(&mut rng);
            let database = recipe.database(&mood, &mut rng);
            let (parents, children) = (&database[0], &database[1]);
            let ids: HashSet<_> = parents.iter().map(|r| r[0].clone().unwrap()).collect();
            assert_eq!(ids.len(), parents.len());
            assert!(parents.iter().all(|r| r[1].as_ref().is_none_or(|up| ids.contains(up))));
            assert!(children.iter().all(|r| ids.contains(r[0].as_ref().unwrap())));
            let distinct: HashSet<_> = children.iter().collect();
            duplicate += usize::from(distinct.len() < children.len());
            empty += usize::from(children.is_empty());
            null += usize::from(children.iter().any(|r| r[1].is_none()));
            six += usize::from(children.len() == 6);
            tall += usize::from(children.len() >= 20);
        }
        for (what, times) in
            [("empty", empty), ("duplicate", duplicate), ("null", null), ("six", six), ("tall", tall)]
        {
            assert!(times > 0, "{what} never came up");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_databases() {
        let targets = targets();
        let domains = BTreeMap::from([(Kind::Number, domain(&["1", "2"]))]);
        let recipe = Recipe { targets: &targets, domains: &domains, count: 2, tall: Vec::new() };
        let make = || {
            let mut rng = ChaCha8Rng::seed_from_u64(9);
            (0..20)
                .map(|_| {
                    let mood = recipe.mood(&mut rng);
                    recipe.database(&mood, &mut rng)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(make(), make());
    }
}
