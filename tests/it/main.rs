mod rewrites;
