//! A digest of a result: column names and types, row count, a multiset hash and an order hash.

use tokio_postgres::types::Type;
use tokio_postgres::{Row, Statement};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Session;
use crate::pg::{Parameters, RawValue};

/// What a result boils down to.
///
/// The multiset hash is the sum of 128-bit row hashes modulo 2¹²⁸: independent of order, and, unlike XOR,
/// sensitive to duplicates. Floating-point values are hashed at nine significant digits, since the order of
/// summation may change the last ones ([`super::approximate`] looks again where rounding may be what differs);
/// `numeric` is hashed by value, since GROUP BY and DISTINCT may show
/// 1.0 or 1.00 for the same group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Names and types of the columns.
    pub columns: Vec<(String, String)>,
    /// Rows.
    pub rows: u64,
    /// Order-independent.
    pub multiset: u128,
    /// Order-dependent.
    pub ordered: [u8; 32],
}

impl Digest {
    /// Runs a statement in the current transaction of the session and digests its rows as they arrive.
    pub async fn of(cx: &Context, session: &Session, sql: &str, values: &Parameters) -> Result<Self> {
        let statement = session.prepare(cx, sql).await?;
        Self::of_prepared(cx, session, &statement, sql, values).await
    }

    /// The same for a statement that is prepared.
    pub(super) async fn of_prepared(
        cx: &Context,
        session: &Session,
        statement: &Statement,
        sql: &str,
        values: &Parameters,
    ) -> Result<Self> {
        let columns: Vec<(String, String)> =
            statement.columns().iter().map(|c| (c.name().to_owned(), c.type_().name().to_owned())).collect();
        let mut rows = 0_u64;
        let mut multiset = 0_u128;
        let mut order = blake3::Hasher::new();
        hash_rows(cx, session, statement, (sql, values), (columns.len(), &[]), |row| {
            multiset = multiset.wrapping_add(row.row);
            order.update(&row.row.to_le_bytes());
            rows += 1;
        })
        .await?;
        Ok(Self { columns, rows, multiset, ordered: *order.finalize().as_bytes() })
    }

    /// Whether columns and rows agree, the order of the rows left aside.
    pub(super) fn same_rows(&self, other: &Self) -> bool {
        self.columns == other.columns && self.rows == other.rows && self.multiset == other.multiset
    }
}

/// Hashes of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowHash {
    /// Of its visible columns.
    pub(super) row: u128,
    /// Of its key columns.
    pub(super) key: u128,
}

/// Runs a prepared statement and hands the hashes of each row to `each`: of the first `visible` columns, and
/// of the columns at `keys`.
pub(super) async fn hash_rows(
    cx: &Context,
    session: &Session,
    statement: &Statement,
    (sql, values): (&str, &Parameters),
    (visible, keys): (usize, &[usize]),
    mut each: impl FnMut(RowHash) + Send,
) -> Result<()> {
    let types: Vec<Type> = statement.columns().iter().map(|c| c.type_().clone()).collect();
    session
        .stream(cx, statement, sql, values, |row| {
            let hash = |positions: &mut dyn Iterator<Item = usize>| {
                let mut hasher = blake3::Hasher::new();
                for position in positions {
                    hash_value(&mut hasher, &types[position], read_value(row, position)?);
                }
                Ok(half(&hasher))
            };
            each(RowHash { row: hash(&mut (0..visible))?, key: hash(&mut keys.iter().copied())? });
            Ok(())
        })
        .await
}

/// The row hashes of a query, in the order of its answer.
pub(super) async fn row_hashes(
    cx: &Context,
    session: &Session,
    sql: &str,
    values: &Parameters,
) -> Result<Vec<u128>> {
    let statement = session.prepare(cx, sql).await?;
    let mut hashes = Vec::new();
    let visible = statement.columns().len();
    hash_rows(cx, session, &statement, (sql, values), (visible, &[]), |row| hashes.push(row.row)).await?;
    Ok(hashes)
}

/// The bytes of a value as the server sent them; `None` for NULL.
pub(super) fn read_value(row: &Row, position: usize) -> Result<Option<&[u8]>> {
    let value: RawValue<'_> = row
        .try_get(position)
        .map_err(|e| Error::internal("a value cannot be read").with("column", position).caused_by(e))?;
    Ok(value.0)
}

/// The first 128 bits of a hash.
pub(super) fn half(hasher: &blake3::Hasher) -> u128 {
    let mut half = [0_u8; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(half)
}

/// Hashes one value with a tag and its length, so that no two rows of different values run together.
pub(super) fn hash_value(hasher: &mut blake3::Hasher, column_type: &Type, value: Option<&[u8]>) {
    match (column_type, value) {
        (_, None) => {
            hasher.update(&[0]);
        }
        (&Type::FLOAT8, Some(bytes)) if bytes.len() == 8 => {
            let mut array = [0_u8; 8];
            array.copy_from_slice(bytes);
            hash_float(hasher, f64::from_be_bytes(array), 8);
        }
        (&Type::FLOAT4, Some(bytes)) if bytes.len() == 4 => {
            let mut array = [0_u8; 4];
            array.copy_from_slice(bytes);
            hash_float(hasher, f64::from(f32::from_be_bytes(array)), 4);
        }
        (&Type::NUMERIC, Some(bytes)) if bytes.len() >= 8 => {
            // Digits, weight, sign, display scale, then the digits without zeros at the end.
            hasher.update(&[3]);
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes[..6]);
            hasher.update(&bytes[8..]);
        }
        (_, Some(bytes)) => {
            hasher.update(&[1]);
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
    }
}

fn hash_float(hasher: &mut blake3::Hasher, value: f64, digits: usize) {
    // `+ 0.0` makes one zero of the two.
    let text = format!("{:.digits$e}", value + 0.0);
    hasher.update(&[2]);
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(column_type: &Type, value: Option<&[u8]>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hash_value(&mut hasher, column_type, value);
        hasher.finalize()
    }

    #[test]
    fn null_is_not_empty_and_floats_forgive_the_last_digits() {
        assert_ne!(hash(&Type::TEXT, None), hash(&Type::TEXT, Some(b"")));
        let (a, b) = (0.1_f64 + 0.2, 0.3_f64);
        assert_eq!(hash(&Type::FLOAT8, Some(&a.to_be_bytes())), hash(&Type::FLOAT8, Some(&b.to_be_bytes())));
        assert_ne!(
            hash(&Type::FLOAT8, Some(&1.0_f64.to_be_bytes())),
            hash(&Type::FLOAT8, Some(&1.001_f64.to_be_bytes()))
        );
        assert_eq!(
            hash(&Type::FLOAT8, Some(&0.0_f64.to_be_bytes())),
            hash(&Type::FLOAT8, Some(&(-0.0_f64).to_be_bytes()))
        );
    }

    #[test]
    fn numeric_counts_by_value() {
        let (one_0, one_00) = ([0, 1, 0, 0, 0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0, 0, 2, 0, 1]);
        let two = [0, 1, 0, 0, 0, 0, 0, 1, 0, 2];
        assert_eq!(hash(&Type::NUMERIC, Some(&one_0)), hash(&Type::NUMERIC, Some(&one_00)));
        assert_ne!(hash(&Type::NUMERIC, Some(&one_0)), hash(&Type::NUMERIC, Some(&two)));
    }
}
