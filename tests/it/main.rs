//! What sightglass promises, a file a promise.

mod messages;
