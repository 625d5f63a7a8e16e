//! The values of each class, out of what is known of the rows.

use tokio_postgres::types::{Kind, Type};

use super::compared::How;
use super::sample::{Combinations, Together, quantiles};
use super::synthesize::Maker;
use super::value::{absent, array, beyond, pattern, range};
use crate::error::{ErrorKind, Result};
use crate::types::Selectivity;

/// What the parameters of one part of the statement are compared with, each with its expression.
#[derive(Default)]
pub(super) struct ScopeValues {
    pub(super) scope: usize,
    pub(super) equals: Vec<(usize, String, How)>,
    pub(super) ranges: Vec<(usize, String, How)>,
    /// The expressions of `equals`, each once.
    pub(super) expressions: Vec<String>,
    /// Their values, as they occur together.
    pub(super) together: Combinations,
}

impl ScopeValues {
    /// Values for a class; nothing where it cannot be had, or would be the same as another.
    pub(super) async fn values(
        &self,
        maker: &Maker<'_>,
        class: Selectivity,
        attempt: usize,
    ) -> Result<Option<Vec<(usize, String)>>> {
        let Combinations { frequent, typical, rare } = &self.together;
        let rows = |list: &[Together]| list.first().map_or(0, |t| t.rows);
        let list = match class {
            Selectivity::Frequent => frequent,
            Selectivity::Typical | Selectivity::Absent => typical,
            Selectivity::Rare => rare,
        };
        let alone = self.ranges.is_empty() && !self.equals.is_empty();
        let same = match class {
            Selectivity::Frequent => rows(frequent) == rows(typical),
            Selectivity::Rare => rows(rare) == rows(typical),
            _ => false,
        };
        let Some(together) = list.get(attempt).or_else(|| list.first().filter(|_| attempt == 0)) else {
            return if self.equals.is_empty() && attempt == 0 {
                self.bounds(maker, class, None).await
            } else {
                Ok(None)
            };
        };
        if alone && same {
            return Ok(None);
        }
        let mut chosen = Vec::new();
        let mut gone = false;
        for (parameter, expression, how) in &self.equals {
            let column = self.expressions.iter().position(|e| e == expression).unwrap_or_default();
            let of = &maker.types[*parameter];
            let value = |place: usize| {
                let from = list.get(attempt + place).unwrap_or(together);
                from.values.get(column).cloned().unwrap_or_default()
            };
            if class == Selectivity::Absent
                && *how != How::Differs
                && let Some(value) = self.none(maker, of, expression, *how).await?
            {
                gone = true;
                chosen.push((*parameter, value));
                continue;
            }
            chosen.push((
                *parameter,
                match how {
                    How::Like => pattern(&value(0)),
                    How::Equal(_) if matches!(of.kind(), Kind::Array(_)) => {
                        let mut values: Vec<String> = (0..3).map(value).collect();
                        values.dedup();
                        array(&values)
                    }
                    How::Equal(place) => value(*place),
                    _ => value(0),
                },
            ));
        }
        if class == Selectivity::Absent && !gone && self.ranges.is_empty() {
            return Ok(None);
        }
        if let Some(bounds) = self.bounds(maker, class, Some(together)).await? {
            chosen.extend(bounds);
        }
        Ok(Some(chosen))
    }

    /// A value that an expression never takes.
    async fn none(&self, maker: &Maker<'_>, of: &Type, expression: &str, how: How) -> Result<Option<String>> {
        if how == How::Like {
            return Ok(Some("%pgverse-absent%".to_owned()));
        }
        if let Some(value) = absent(of) {
            return Ok(Some(value));
        }
        let (element, is_list) = match of.kind() {
            Kind::Array(element) => (element, true),
            _ => (of, false),
        };
        let Some(end) = beyond(element, true).filter(|_| !matches!(how, How::Part | How::Whole)) else {
            return Ok(None);
        };
        let scope = &maker.asked[self.scope];
        let ends = quantiles(maker.cx, maker.session, scope, expression, &[], &[], &[end]).await?;
        let value = ends.into_iter().next().flatten();
        Ok(value.map(|value| if is_list { array(&[value]) } else { value }))
    }

    /// Bounds of ranges among the rows where the equal values hold.
    async fn bounds(
        &self,
        maker: &Maker<'_>,
        class: Selectivity,
        together: Option<&Together>,
    ) -> Result<Option<Vec<(usize, String)>>> {
        if self.ranges.is_empty() {
            return Ok(None);
        }
        let equal: Vec<(String, String)> = together
            .map(|t| self.expressions.iter().cloned().zip(t.values.iter().cloned()).collect())
            .unwrap_or_default();
        let mut chosen = Vec::new();
        for (parameter, expression, how) in &self.ranges {
            let of = &maker.types[*parameter];
            let from = *how == How::From;
            let whole = match of.kind() {
                Kind::Range(element) if *how == How::Whole => Some(element),
                _ => None,
            };
            let both = whole.is_some()
                || self.ranges.iter().any(|(_, other, way)| other == expression && way != how);
            let rank = match (class, both) {
                (Selectivity::Frequent, true) => 0.02,
                (Selectivity::Typical, true) => 0.4,
                (Selectivity::Rare, true) => 0.49,
                (Selectivity::Frequent, false) => 0.05,
                (Selectivity::Typical, false) => 0.5,
                _ => 0.95,
            };
            let rank = if from { rank } else { 1.0 - rank };
            // Both bounds of an empty range lie beyond the largest value.
            let above = from || both;
            let ends: Vec<String> = beyond(whole.unwrap_or(of), above).into_iter().collect();
            let ranks = if whole.is_some() { vec![1.0 - rank, rank] } else { vec![rank] };
            let scope = &maker.asked[self.scope];
            let found =
                match quantiles(maker.cx, maker.session, scope, expression, &equal, &ranks, &ends).await {
                    Err(error) if matches!(error.kind(), ErrorKind::Sql | ErrorKind::Timeout) => {
                        maker.cx.check()?;
                        return Ok(None);
                    }
                    other => other?,
                };
            let at = if class == Selectivity::Absent { ranks.len() } else { 0 };
            let Some(value) = found.get(at).cloned().flatten() else { return Ok(None) };
            // Of a range the other bound too; of one without rows both are the same.
            let upper = whole.and_then(|_| found.get(if at == 0 { 1 } else { at }).cloned().flatten());
            chosen.push((*parameter, upper.map_or(value.clone(), |upper| range(&value, &upper))));
        }
        Ok(Some(chosen))
    }
}
