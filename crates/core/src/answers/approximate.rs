//! Floating-point values that differ in their last digits only: a second look, where digests disagree.
//!
//! A digest rounds, and two sums of the same values in another order may lie on both sides of where it rounds.
//! So rows are then kept and compared value by value.

use tokio_postgres::types::Type;

use super::digest::{Digest, half, hash_value, read_value};
use crate::context::Context;
use crate::error::Result;
use crate::pg::{Parameters, Session};

/// Rows beyond which values are not kept in memory.
const MOST_ROWS: u64 = 1_000_000;

/// Rows by what is exact in them and what is not.
#[derive(Debug)]
pub(super) struct Values {
    /// For each row a hash of its exact columns (and of which others are NULL), and its floating-point values.
    rows: Vec<(u128, Vec<f64>)>,
    /// For each floating-point column the part by which two values may differ and still be taken for one.
    tolerances: Vec<f64>,
}

/// How two answers agree when values in tolerance of each other are taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Row by row, as they came.
    InOrder,
    /// As multisets.
    AnyOrder,
    None,
}

/// The tolerance of a column; `None` where its values are exact.
fn tolerance(name: &str) -> Option<f64> {
    match name {
        "float8" => Some(1e-9),
        "float4" => Some(1e-5),
        _ => None,
    }
}

/// Whether digests that disagree may do so by their rounding alone.
pub(super) fn may_agree(one: &Digest, other: &Digest) -> bool {
    one.columns == other.columns
        && one.rows == other.rows
        && one.rows <= MOST_ROWS
        && (one.multiset, one.ordered) != (other.multiset, other.ordered)
        && one.columns.iter().any(|(_, kind)| tolerance(kind).is_some())
}

impl Values {
    /// Runs a statement in the current transaction of the session and keeps its rows.
    pub(super) async fn of(cx: &Context, session: &Session, sql: &str, values: &Parameters) -> Result<Self> {
        let statement = session.prepare(cx, sql).await?;
        let types: Vec<Type> = statement.columns().iter().map(|c| c.type_().clone()).collect();
        let tolerances = types.iter().filter_map(|t| tolerance(t.name())).collect();
        let mut rows = Vec::new();
        session
            .stream(cx, &statement, sql, values, |row| {
                let mut exact = blake3::Hasher::new();
                let mut floats = Vec::new();
                for (position, column) in types.iter().enumerate() {
                    let value = read_value(row, position)?;
                    match value.and_then(|bytes| float(column, bytes)) {
                        Some(float) => {
                            exact.update(&[9]);
                            floats.push(float);
                        }
                        None => hash_value(&mut exact, column, value),
                    }
                }
                // Which of them are NULL is in the exact part, so equal keys have their values in equal columns.
                rows.push((half(&exact), floats));
                Ok(())
            })
            .await?;
        Ok(Self { rows, tolerances })
    }

    /// How the rows agree with others of the same columns.
    pub(super) fn agreement(mut self, mut other: Self) -> Agreement {
        if self.agrees(&other) {
            return Agreement::InOrder;
        }
        for values in [&mut self, &mut other] {
            values.rows.sort_by(|a, b| {
                let floats = || a.1.iter().zip(&b.1).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
                a.0.cmp(&b.0).then_with(|| floats().unwrap_or(std::cmp::Ordering::Equal))
            });
        }
        if self.agrees(&other) { Agreement::AnyOrder } else { Agreement::None }
    }

    fn agrees(&self, other: &Self) -> bool {
        // With a NULL among them, which tolerance belongs to which value is not kept: the narrowest holds.
        let narrowest = self.tolerances.iter().copied().fold(f64::INFINITY, f64::min);
        self.rows.len() == other.rows.len()
            && self.rows.iter().zip(&other.rows).all(|((key, a), (other_key, b))| {
                let whole = a.len() == self.tolerances.len();
                key == other_key
                    && a.len() == b.len()
                    && a.iter().zip(b).enumerate().all(|(position, (x, y))| {
                        close(*x, *y, if whole { self.tolerances[position] } else { narrowest })
                    })
            })
    }
}

/// Whether two values are one, but for a part `tolerance` of the larger.
fn close(x: f64, y: f64, tolerance: f64) -> bool {
    x == y
        || (x.is_nan() && y.is_nan())
        || (x.is_finite() && y.is_finite() && (x - y).abs() <= tolerance * x.abs().max(y.abs()))
}

fn float(column: &Type, bytes: &[u8]) -> Option<f64> {
    match *column {
        Type::FLOAT8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        Type::FLOAT4 => Some(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: &[(u128, f64)]) -> Values {
        Values { rows: rows.iter().map(|(key, x)| (*key, vec![*x])).collect(), tolerances: vec![1e-9] }
    }

    #[test]
    fn last_digits_are_forgiven_and_no_others() {
        let (a, b) = (1.000_000_004_999_9, 1.000_000_005_000_1);
        assert_eq!(values(&[(1, a), (2, 5.0)]).agreement(values(&[(1, b), (2, 5.0)])), Agreement::InOrder);
        assert_eq!(values(&[(1, a), (2, 5.0)]).agreement(values(&[(2, 5.0), (1, b)])), Agreement::AnyOrder);
        assert_eq!(values(&[(1, a)]).agreement(values(&[(1, 1.000_000_1)])), Agreement::None);
        assert_eq!(values(&[(1, a), (2, 5.0)]).agreement(values(&[(1, 5.0), (2, b)])), Agreement::None);
        assert_eq!(values(&[(1, f64::NAN)]).agreement(values(&[(1, f64::NAN)])), Agreement::InOrder);
        assert_eq!(values(&[(1, 0.0)]).agreement(values(&[(1, 1e-300)])), Agreement::None);
        let infinite = [(1, f64::INFINITY)];
        assert_eq!(values(&infinite).agreement(values(&[(1, f64::MAX)])), Agreement::None);
    }
}
