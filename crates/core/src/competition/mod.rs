//! competition
