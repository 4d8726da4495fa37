
mod rewrites;
