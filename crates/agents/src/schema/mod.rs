//! The schema agent: statistics and settings.
