//! Random statements over the schema, of the kinds that rules look at.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// A table with its columns by type.
struct Table {
    key: &'static str,
    numbers: &'static [&'static str],
    texts: &'static [&'static str],
    times: &'static [&'static str],
}

const TABLES: [Table; 4] = [
    Table { key: "id", numbers: &["id"], texts: &["email", "country", "bio"], times: &[] },
    Table {
        key: "id",
        numbers: &["id", "user_id", "total"],
        texts: &["status", "coupon"],
        times: &["created_at", "shipped_at"],
    },
    Table { key: "id", numbers: &["id", "order_id", "quantity", "price"], texts: &[], times: &[] },
    Table { key: "\"Id\"", numbers: &["\"Id\"", "\"Owner\""], texts: &["\"Kind\""], times: &["\"At\""] },
];

/// Pairs of tables that go together: the alias and reference of the many, the alias and key of the one.
const JOINS: [(&str, &str, &str, &str, usize, usize); 3] = [
    ("orders o", "users u", "o.user_id", "u.id", 1, 0),
    ("items i", "orders o", "i.order_id", "o.id", 2, 1),
    ("\"Events\" e", "users u", "e.\"Owner\"", "u.id", 3, 0),
];

/// Makes statements; the same seed makes the same ones.
pub(crate) struct Generator(StdRng);

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn chance(&mut self, of: u32) -> bool {
        self.0.random_range(0..of) == 0
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list.choose(&mut self.0).copied().unwrap_or_default()
    }

    fn number(&mut self) -> String {
        self.pick(&["0", "1", "2", "3", "1.5", "-1"]).to_owned()
    }

    fn column(&mut self, table: &Table, alias: &str) -> String {
        let all: Vec<&str> = [table.numbers, table.texts, table.times].concat();
        format!("{alias}.{}", self.pick(&all))
    }

    /// A condition on one table.
    fn condition(&mut self, table: &Table, alias: &str) -> String {
        let kinds = [table.numbers.len(), table.texts.len(), table.times.len()];
        let kind = loop {
            let kind = self.0.random_range(0..3);
            if kinds[kind] > 0 {
                break kind;
            }
        };
        let (number, letter) = (self.number(), self.pick(&["a", "b", "c", "a@x"]));
        match kind {
            0 => {
                let column = format!("{alias}.{}", self.pick(table.numbers));
                match self.0.random_range(0..6) {
                    0 => format!("{column} IS NULL"),
                    1 => format!("{column} IS NOT NULL"),
                    2 => format!("{column} IN (1, 2, {number})"),
                    3 => format!("{column} BETWEEN {number} AND 3"),
                    _ => format!("{column} {} {number}", self.pick(&["=", "<>", "<", ">", "<=", ">="])),
                }
            }
            1 => {
                let column = format!("{alias}.{}", self.pick(table.texts));
                match self.0.random_range(0..6) {
                    0 => format!("{column} IS NULL"),
                    1 => format!("{column} LIKE '{letter}%'"),
                    2 => format!("{column} IN ('a', '{letter}')"),
                    3 => format!("lower({column}) = '{letter}'"),
                    4 => format!("coalesce({column}, 'c') <> '{letter}'"),
                    _ => format!("{column} {} '{letter}'", self.pick(&["=", "<>", "<", ">"])),
                }
            }
            _ => {
                let column = format!("{alias}.{}", self.pick(table.times));
                let day = self.pick(&["2025-11-01", "2025-11-02", "2025-11-03"]);
                match self.0.random_range(0..6) {
                    0 => format!("{column}::date = '{day}'"),
                    1 => format!("date_trunc('day', {column}) = '{day}'"),
                    2 => format!("extract(year FROM {column}) = 2025"),
                    3 => format!("date_trunc('hour', {column}) >= '{day} 01:00'"),
                    _ => format!("{column} {} '{day}'", self.pick(&["<", ">=", ">"])),
                }
            }
        }
    }

    /// Conditions on one table, perhaps with OR.
    fn conditions(&mut self, table: &Table, alias: &str) -> String {
        let first = self.condition(table, alias);
        match self.0.random_range(0..5) {
            0 => format!("({first} OR {})", self.condition(table, alias)),
            1 => format!("{first} AND {}", self.condition(table, alias)),
            2 => format!("NOT ({first})"),
            _ => first,
        }
    }

    fn filter(&mut self, table: &Table, alias: &str) -> String {
        if self.chance(3) { String::new() } else { format!(" WHERE {}", self.conditions(table, alias)) }
    }

    fn aggregate(&mut self, table: &Table, alias: &str) -> String {
        let number = format!("{alias}.{}", self.pick(table.numbers));
        match self.0.random_range(0..8) {
            0 => "count(*)".to_owned(),
            1 => format!("count({})", self.column(table, alias)),
            2 => format!("count(DISTINCT {number})"),
            3 => format!("max({number})"),
            4 => format!("min({number} * 2)"),
            5 => format!("coalesce(sum({number}), 7)"),
            6 => format!("sum({number}) FILTER (WHERE {})", self.condition(table, alias)),
            _ => format!("sum({number})"),
        }
    }

    /// The next statement. Its rows come in no certain order.
    pub(crate) fn statement(&mut self) -> String {
        let (many, one, reference, key, many_at, one_at) = JOINS[self.0.random_range(0..JOINS.len())];
        let (many_table, one_table) = (&TABLES[many_at], &TABLES[one_at]);
        let (many_alias, one_alias) = (alias(many), alias(one));
        let outer = self.conditions(one_table, one_alias);
        let inner = self.conditions(many_table, many_alias);
        let tie = if self.chance(4) { String::new() } else { format!("{reference} = {key} AND ") };
        match self.0.random_range(0..15) {
            0 => format!(
                "SELECT {key}, (SELECT {} FROM {many} WHERE {reference} = {key} AND {inner}) AS x FROM {one} WHERE {outer}",
                self.aggregate(many_table, many_alias)
            ),
            1 => {
                let left = self.pick(&["JOIN", "LEFT JOIN"]);
                let (first, second) =
                    (self.aggregate(many_table, many_alias), self.aggregate(many_table, many_alias));
                format!(
                    "SELECT {key}, {first} AS x, {second} AS y FROM {one} {left} {many} ON {reference} = {key} \
                     WHERE {outer} GROUP BY {key}"
                )
            }
            2 => {
                let not = self.pick(&["", "NOT "]);
                format!(
                    "SELECT {key} FROM {one} WHERE {outer} AND {key} {not}IN (SELECT {reference} FROM {many} WHERE {inner})"
                )
            }
            3 => {
                let not = self.pick(&["", "NOT "]);
                format!(
                    "SELECT {} AS c FROM {many} WHERE {reference} {not}IN (SELECT {key} FROM {one} WHERE {outer})",
                    self.column(many_table, many_alias)
                )
            }
            4 => {
                let test = self.pick(&["> 0", "= 0", ">= 1", "< 1", "<> 0"]);
                format!(
                    "SELECT {key} FROM {one} WHERE (SELECT count(*) FROM {many} WHERE {tie}{inner}) {test} AND {outer}"
                )
            }
            5 => {
                let (first, second) =
                    (self.condition(one_table, one_alias), self.condition(many_table, many_alias));
                format!(
                    "SELECT {key} AS k, {many_alias}.{} AS m FROM {many} JOIN {one} ON {reference} = {key} WHERE {first} OR {second}",
                    many_table.key
                )
            }
            6 => {
                let column = self.column(many_table, many_alias);
                format!("SELECT DISTINCT {column} AS c FROM {many}{}", self.filter(many_table, many_alias))
            }
            7 => {
                let (by, counted) =
                    (self.column(many_table, many_alias), self.column(many_table, many_alias));
                format!(
                    "SELECT {by} AS b, count(DISTINCT {counted}) AS n FROM {many}{} GROUP BY {by}",
                    self.filter(many_table, many_alias)
                )
            }
            8 => {
                let order = self.column(many_table, many_alias);
                let nulls = self.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
                let own = format!("{many_alias}.{}", many_table.key);
                let from = if self.chance(2) {
                    format!("{many} JOIN {one} ON {reference} = {key} WHERE {outer}")
                } else {
                    many.to_owned()
                };
                format!(
                    "SELECT * FROM (SELECT {own} AS k, row_number() OVER (PARTITION BY {reference} ORDER BY {order}{nulls}, {own}) AS rn \
                     FROM {from}) AS t WHERE rn <= {}",
                    self.0.random_range(1..4)
                )
            }
            9 => {
                let column = self.column(many_table, many_alias);
                format!(
                    "WITH c AS MATERIALIZED (SELECT {reference} AS r, {column} AS v FROM {many}) SELECT v FROM c WHERE r = {}",
                    self.number()
                )
            }
            10 => format!(
                "SELECT {} AS c, {reference} AS r FROM {many} JOIN {one} ON {reference} = {key}{}",
                self.column(many_table, many_alias),
                self.filter(many_table, many_alias)
            ),
            11 => {
                let (left, side) = (self.pick(&["JOIN", "LEFT JOIN"]), self.pick(&[reference, key]));
                let (column, number) = (self.column(one_table, one_alias), self.number());
                let narrow = match self.0.random_range(0..3) {
                    0 => format!("{side} IN (1, 3, {number})"),
                    1 => format!("{side} BETWEEN {number} AND 2"),
                    _ => format!("{number} {} {side}", self.pick(&["<", ">=", ">"])),
                };
                format!(
                    "SELECT {column} AS c, {reference} AS r FROM {one} {left} {many} ON {reference} = {key} AND {inner} WHERE {narrow}"
                )
            }
            13 => {
                let (order, nulls) = (
                    self.column(many_table, many_alias),
                    self.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]),
                );
                format!(
                    "SELECT DISTINCT ON ({reference}) {reference} AS r, {many_alias}.{} AS k FROM {many}{} ORDER BY {reference}, {order}{nulls}, {many_alias}.{}",
                    many_table.key,
                    self.filter(many_table, many_alias),
                    many_table.key
                )
            }
            12 => {
                let other = self.pick(&["'a'", "'b'"]);
                let own = format!("{many_alias}.{}", many_table.key);
                format!(
                    "SELECT {key} AS k, 'a' AS l FROM {one} WHERE {outer} UNION SELECT {own}, {other} FROM {many} WHERE {inner}"
                )
            }
            _ => format!(
                "SELECT {} AS c FROM {many} WHERE {inner} AND {}",
                self.column(many_table, many_alias),
                self.conditions(many_table, many_alias)
            ),
        }
    }
}

fn alias(item: &'static str) -> &'static str {
    item.rsplit(' ').next().unwrap_or_default()
}
