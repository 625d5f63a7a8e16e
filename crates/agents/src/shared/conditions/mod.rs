//! Conditions of plan nodes as typed predicates.
//!
//! The server prints conditions in a normal form: fully parenthesized, casts written out, `IN` and `LIKE`
//! as operators, columns qualified by the alias that is unique within the plan, `BETWEEN` taken apart. That
//! is far easier to read than the statement's own text, and it is what the planner really works with.
//!
//! ```text
//! ((lower((u.email)::text) = 'x'::text) AND (u.id = o.user_id) AND (NOT (hashed SubPlan 1)))
//!   u: lower((email)::text) = constant      u.id = column o.user_id      one conjunct not understood
//! ```

mod parse;
mod scope;
mod text;

pub use scope::Scope;
pub use text::{array_elements, conjuncts, readable};

/// The conjunction that a node tests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditions {
    /// Must all hold.
    pub all: Vec<Predicate>,
    /// Of each, at least one arm must hold.
    pub any: Vec<AnyOf>,
    /// Conjuncts that were not understood: sub-plans, comparisons within one row, unknown syntax.
    pub opaque: usize,
}

/// A disjunction of which every arm was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct AnyOf {
    /// Each a conjunction.
    pub arms: Vec<Vec<Predicate>>,
    /// SQL without alias.
    pub sql: String,
}

/// One test of one relation's column or expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// What is tested.
    pub on: Key,
    /// How.
    pub test: Test,
    /// The whole conjunct as SQL without aliases; meaningful only if the other side is no column.
    pub sql: String,
}

/// A column or an expression over columns of one relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Alias within the plan.
    pub alias: String,
    /// Column or expression.
    pub what: What,
}

/// A column, or an expression as SQL without alias and outer parentheses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum What {
    Column(String),
    Expression(String),
}

impl Key {
    /// The column, if it is one.
    pub fn column(&self) -> Option<&str> {
        match &self.what {
            What::Column(name) => Some(name),
            What::Expression(_) => None,
        }
    }

    /// The name of the column or the text of the expression.
    pub fn text(&self) -> &str {
        match &self.what {
            What::Column(text) | What::Expression(text) => text,
        }
    }
}

/// A key with its direction, from `Sort Key`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderKey {
    /// What is sorted by.
    pub key: Key,
    /// `DESC`.
    pub descending: bool,
    /// Where it differs from the default of the direction.
    pub nulls_first: Option<bool>,
}

/// What is asked of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `=`
    Equal(Side),
    /// `= ANY (array)`; the elements if the array is a constant.
    In(Option<Vec<String>>),
    /// `<`, `<=`, `>` or `>=`
    Range(Bound, Side),
    /// `<>`
    NotEqual(Side),
    /// `~~` and its relatives; the pattern if it is a constant.
    Like {
        /// LIKE pattern.
        pattern: Option<String>,
        /// ILIKE.
        insensitive: bool,
        /// NOT LIKE.
        negated: bool,
    },
    /// `IS NULL` (true) or `IS NOT NULL` (false)
    Null(bool),
    /// A boolean itself (true) or `NOT` it (false)
    Truth(bool),
    /// Any other operator, such as `@>`.
    Operator(String, Side),
}

/// Which end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Bound {
    Lower,
    Upper,
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// The text of a literal, without quotes and casts.
    Constant(String),
    /// Another relation: its alias, and the column if it is a plain one.
    Relation(String, Option<String>),
    /// A parameter, the result of an InitPlan, or an expression without columns, such as `now()`.
    Unknown,
}

impl Test {
    /// Whether a B-tree can go straight to one value or a few.
    pub fn is_equality(&self) -> bool {
        matches!(self, Self::Equal(_) | Self::In(_) | Self::Null(true) | Self::Truth(_))
    }

    /// Whether it is never true for NULL.
    pub fn is_strict(&self) -> bool {
        !matches!(self, Self::Null(true))
    }

    /// Alias of the relation that this joins with.
    pub fn joins_with(&self) -> Option<&str> {
        match self {
            Self::Equal(Side::Relation(alias, _)) => Some(alias),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
