//! Arguments → one of the commands.
fn main() {}
