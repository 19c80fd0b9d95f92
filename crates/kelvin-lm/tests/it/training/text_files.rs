//! Text files: read as they are, split by characters, refused by name.
