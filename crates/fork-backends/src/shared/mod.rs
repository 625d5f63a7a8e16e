//! What the backends have in common: programs, accounts, servers, processes, leases.

pub mod account;
pub mod files;
pub mod home;
pub mod lease;
pub(crate) mod pooler;
pub mod process;
pub mod programs;
pub mod run;
pub mod server;
pub mod settings;
pub mod shield;

pub use account::Account;
pub use home::Home;
pub use lease::{Holding, Lease, Leases};
pub use process::{Owner, ProcessId};
pub use programs::Programs;
pub use server::{Server, ServerSpec, StopMode};
pub use settings::Settings;
