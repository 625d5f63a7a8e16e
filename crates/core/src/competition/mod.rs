//! The engine: a universe for each agent, candidates built and raced in it, one verdict over all.

mod allowance;
mod apart;
mod arms;
mod builder;
mod choosing;
mod construct;
mod finale;
mod inspect;
mod litter;
mod mend;
mod options;
mod probe;
mod propose;
mod race;
mod refute;
mod run;
mod screen;
mod stage;
mod task;
mod texts;
mod tree;
mod unite;
mod universe;
mod work;
mod workbench;
mod writes;

pub use builder::{Competition, CompetitionBuilder};
pub use options::RaceOptions;
pub use task::{UniverseOutcome, UniverseTask};
pub use universe::run_universe;
