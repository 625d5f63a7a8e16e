//! The demo shop: users, products, orders and their items, made by SQL alone, and what is asked of it.

use pgverse_core::types::{Limits, Problem, Workload};
use pgverse_core::{Error, Result, workload};

/// Makes the tables and the rows; psql reads it as it is.
pub const SCHEMA: &str = include_str!("schema.sql");

/// Name of the demo database.
pub const DATABASE: &str = "shop";

/// The statements with weights and parameters.
pub const WORKLOAD: &str = include_str!("workload.sql");

/// The smallest shop in which every row exists that the workload names.
const SMALLEST: f64 = 0.02;

/// A hundred million order items; a shop beyond that is a slip of the keyboard.
const LARGEST: f64 = 100.0;

/// The demo at one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demo {
    scale: f64,
}

impl Default for Demo {
    /// 100,000 users, 10,000 products, 500,000 orders, 1,000,000 order items.
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

impl Demo {
    /// A shop of this many times the usual number of rows, 0.02 to 100.
    ///
    /// # Errors
    /// `InvalidInput` outside of these bounds.
    pub fn new(scale: f64) -> Result<Self> {
        if (SMALLEST..=LARGEST).contains(&scale) {
            return Ok(Self { scale });
        }
        Err(Error::invalid("there is no demo shop of this size").with("scale", scale).hint(format!(
            "choose a scale from {SMALLEST} to {LARGEST}; 1 is 100,000 users and 500,000 orders"
        )))
    }

    /// The scripts that make the shop in an empty database, in order, all in one session. VACUUM is apart
    /// because it cannot run in a transaction.
    pub fn scripts(&self) -> Vec<String> {
        vec![format!("SET demo.scale = '{}';\n{SCHEMA}", self.scale), "VACUUM (FREEZE, ANALYZE)".to_owned()]
    }

    /// What is asked of the shop.
    ///
    /// # Errors
    /// None in a released version: a test reads the workload.
    pub fn workload(&self) -> Result<Workload> {
        workload::parse(WORKLOAD, "workload.sql")
    }

    /// What is to be made better.
    pub fn problem(&self) -> Problem {
        Problem {
            description: "The shop is slow: looking up users by email, a user's orders, the queue of pending \
                          orders, the email report. Writes must not suffer. Answers of reports may be up to five \
                          minutes old."
                .to_owned(),
            limits: Limits { max_staleness_seconds: Some(300.0), ..Limits::default() },
            ..Problem::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use pgverse_core::types::StatementKind;

    use super::*;

    #[test]
    fn the_workload_is_what_its_file_says() {
        let workload = Demo::default().workload().unwrap();
        assert_eq!(workload.statements.len(), 13);
        assert_eq!(workload.of_kind(StatementKind::Write).count(), 2);
        let report = workload.statement(&"email_report".into()).unwrap();
        assert_eq!(report.parameter_sets.len(), 2);
        assert_eq!(report.parameter_sets[0].values, [Some("%@gmail.com".to_owned())]);
    }

    #[test]
    fn the_size_has_bounds() {
        assert!(Demo::new(0.02).is_ok());
        for scale in [0.0, 0.019, -1.0, f64::NAN, f64::INFINITY, 101.0] {
            assert!(Demo::new(scale).is_err(), "{scale}");
        }
        assert!(Demo::new(0.5).unwrap().scripts()[0].starts_with("SET demo.scale = '0.5';\n"));
    }
}
