//! Admission: who may pass and how much.

pub mod host;
