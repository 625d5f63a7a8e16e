//! All calls of one shape: how many, how long, and with which values. Bounded, however many calls there are.

use std::hash::{DefaultHasher, Hash, Hasher};

use hdrhistogram::Histogram;

/// Values of the parameters of one call.
pub(super) type Values = Vec<Option<String>>;

/// Candidates for the most frequent values that are kept for each statement.
const CANDIDATES: usize = 16;

/// Calls of which one may be chosen as typical.
const RESERVOIR: usize = 16;

/// Bytes of the values of one call; longer ones are not kept.
const LONGEST_VALUES: usize = 64 << 10;

/// A text with `$1` … and values for it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) template: u64,
    pub(super) text: String,
    pub(super) values: Values,
    key: u64,
    pub(super) count: u64,
    /// How many calls of `count` may be those of others (space-saving sketch of Metwally, Agrawal and El Abbadi, 2005).
    over: u64,
    pub(super) ms: Option<f64>,
}

impl Case {
    /// Calls that are certainly of these values.
    pub(super) fn certain(&self) -> u64 {
        self.count - self.over
    }
}

/// All calls of one shape.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) fingerprint: String,
    /// The text of the first call.
    pub(super) example: String,
    pub(super) calls: u64,
    pub(super) timed: u64,
    pub(super) total_ms: f64,
    pub(super) max_ms: f64,
    /// Durations in microseconds.
    durations: Option<Histogram<u32>>,
    pub(super) frequent: Vec<Case>,
    pub(super) slowest: Option<Case>,
    pub(super) reservoir: Vec<Case>,
    /// Calls whose values are not in the log, or were cut in it.
    pub(super) without_values: u64,
    /// The plan of the slowest call that has one.
    pub(super) plan: Option<(f64, String)>,
}

impl Group {
    pub(super) fn new(fingerprint: String, example: &str) -> Self {
        Self {
            fingerprint,
            example: example.to_owned(),
            calls: 0,
            timed: 0,
            total_ms: 0.0,
            max_ms: 0.0,
            durations: Histogram::new(2).ok(),
            frequent: Vec::new(),
            slowest: None,
            reservoir: Vec::new(),
            without_values: 0,
            plan: None,
        }
    }

    /// Counts a call.
    pub(super) fn call(&mut self, ms: Option<f64>) {
        self.calls += 1;
        if let Some(ms) = ms {
            self.timed += 1;
            self.total_ms += ms;
            self.max_ms = self.max_ms.max(ms);
            if let Some(durations) = &mut self.durations {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
                let micros = (ms * 1e3) as u64;
                // It grows as needed; what it cannot hold is beyond any duration.
                let _ = durations.record(micros);
            }
        }
    }

    /// The duration below which this share of the calls lies, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a statement")]
    pub(super) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let durations = self.durations.as_ref().filter(|d| !d.is_empty())?;
        Some((durations.value_at_quantile(share) as f64 / 1e3).min(self.max_ms))
    }

    /// Remembers the values of a call; `make` makes its text and values, and is asked only if they are kept.
    pub(super) fn with_values(
        &mut self,
        template: u64,
        key: u64,
        ms: Option<f64>,
        make: impl FnOnce() -> (String, Values),
    ) {
        let key = key ^ template.rotate_left(17);
        let place = self.calls.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key;
        let sampled = usize::try_from(place % self.calls.max(1)).is_ok_and(|place| place < RESERVOIR);
        let is_slowest = ms.is_some_and(|ms| self.slowest.as_ref().is_none_or(|s| s.ms < Some(ms)));
        let known = self.frequent.iter_mut().find(|case| case.key == key);
        let is_known = known.is_some();
        if let Some(case) = known {
            case.count += 1;
            if !is_slowest && !sampled {
                return;
            }
        }
        let (text, values) = make();
        if values.iter().flatten().map(String::len).sum::<usize>() > LONGEST_VALUES {
            self.without_values += 1;
            return;
        }
        let case = Case { template, text, values, key, count: 1, over: 0, ms };
        if sampled {
            if self.reservoir.len() < RESERVOIR {
                self.reservoir.push(case.clone());
            } else if let Some(slot) =
                usize::try_from(key % RESERVOIR as u64).ok().and_then(|i| self.reservoir.get_mut(i))
            {
                *slot = case.clone();
            }
        }
        if is_slowest {
            self.slowest = Some(case.clone());
        }
        if is_known {
            return;
        }
        if self.frequent.len() < CANDIDATES {
            self.frequent.push(case);
        } else if let Some(rarest) = self.frequent.iter_mut().min_by_key(|case| case.count) {
            let over = rarest.count;
            *rarest = Case { count: over + 1, over, ..case };
        }
    }

    /// Keeps the plan of the slowest call.
    pub(super) fn planned(&mut self, ms: f64, plan: &str) {
        const LONGEST_PLAN: usize = 32 << 10;
        if plan.len() <= LONGEST_PLAN && self.plan.as_ref().is_none_or(|(slowest, _)| *slowest < ms) {
            self.plan = Some((ms, plan.to_owned()));
        }
    }
}

/// A number for the values of a call.
pub(super) fn key_of<T: Hash>(values: impl Iterator<Item = T>) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.for_each(|value| value.hash(&mut hasher));
    hasher.finish()
}
