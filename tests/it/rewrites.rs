//! What we change is what was meant to change, and nothing else.
