//! # tux-cache
