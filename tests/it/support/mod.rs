//! What the promises are tested with.

pub(crate) mod observed;
pub(crate) mod scrape;
pub(crate) mod stub;
