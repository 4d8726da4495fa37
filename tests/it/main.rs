//! One binary: a file is a promise, a test's name a sentence of it.

mod rewrites;
