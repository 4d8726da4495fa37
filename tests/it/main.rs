mod config;
mod rewrites;
mod tidy;
