//! Conditions of plan nodes as typed predicates.
