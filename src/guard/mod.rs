//! ADMISSION. Who may pass and how much: Host and Origin, limits.

pub mod host;
pub mod limits;
