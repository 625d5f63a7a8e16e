//! Values worth trying: the constants of a query, their neighbours, and a few small ones for everything else.

mod decimal;
mod document;
mod kind;
mod moment;
mod text;

pub(super) use decimal::Decimal;
pub(super) use document::{Documents, Path};
pub(super) use kind::{Class, Kind, distinct};
