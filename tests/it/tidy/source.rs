//! Rust source without its comments, strings and tests: enough of a lexer to read paths.

/// Source text as words, each with its line: identifiers, `::`, and single punctuation characters.
pub(super) struct Source {
    words: Vec<(usize, String)>,
}

impl Source {
    /// The words of `text`; comments are left out, and string and character literals are one empty word `""` each.
    pub(super) fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let mut lexer = Lexer { characters: &characters, at: 0, line: 1, words: Vec::new() };
        while lexer.at < characters.len() {
            lexer.step();
        }
        Self { words: lexer.words }
    }

    /// Words with their lines.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        self.words.iter().map(|(line, word)| (*line, word.as_str()))
    }

    /// The words without items marked `#[cfg(test)]`.
    pub(super) fn without_tests(&self) -> Vec<(usize, &str)> {
        let words: Vec<(usize, &str)> = self.words().collect();
        let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
        let mut kept = Vec::new();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            if words.iter().skip(at).take(marker.len()).map(|(_, word)| *word).eq(marker) {
                at = end_of_item(&words, at + marker.len());
            } else {
                kept.push(*word);
                at += 1;
            }
        }
        kept
    }
}

/// After the `;` or the closing brace of the item that begins at `at`.
fn end_of_item(words: &[(usize, &str)], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, (_, word)) in words.iter().enumerate().skip(at) {
        match *word {
            "{" => depth += 1,
            "}" if depth <= 1 => return index + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    words.len()
}

struct Lexer<'a> {
    characters: &'a [char],
    at: usize,
    line: usize,
    words: Vec<(usize, String)>,
}

impl Lexer<'_> {
    fn peek(&self, offset: usize) -> char {
        self.characters.get(self.at + offset).copied().unwrap_or('\0')
    }

    fn next(&mut self) -> char {
        let character = self.peek(0);
        self.line += usize::from(character == '\n');
        self.at += 1;
        character
    }

    fn push(&mut self, line: usize, word: impl Into<String>) {
        self.words.push((line, word.into()));
    }

    fn step(&mut self) {
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => while self.at < self.characters.len() && self.next() != '\n' {},
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(line),
            ('\'', _) => self.quote(line),
            (':', ':') => {
                self.at += 2;
                self.push(line, "::");
            }
            (first, _) if first.is_alphanumeric() || first == '_' => self.word(line),
            (first, _) => {
                self.next();
                if !first.is_whitespace() {
                    self.push(line, first);
                }
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.characters.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.next();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self, line: usize) {
        self.next();
        while self.at < self.characters.len() {
            match self.next() {
                '\\' => {
                    self.next();
                }
                '"' => break,
                _ => {}
            }
        }
        self.push(line, "\"\"");
    }

    /// A character literal, or a lifetime (which is no word).
    fn quote(&mut self, line: usize) {
        self.next();
        if self.peek(0) == '\\' {
            self.at += 2;
            while self.at < self.characters.len() && self.next() != '\'' {}
            self.push(line, "\"\"");
        } else if self.peek(1) == '\'' {
            self.next();
            self.next();
            self.push(line, "\"\"");
        } else {
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                self.next();
            }
        }
    }

    /// An identifier or a number, or the prefix of a raw or byte string.
    fn word(&mut self, line: usize) {
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.next());
        }
        let hashes = self.characters.iter().skip(self.at).take_while(|character| **character == '#').count();
        match word.as_str() {
            "r" | "br" | "cr" if self.peek(hashes) == '"' => self.raw_string(line, hashes),
            "r" if hashes == 1 => {
                self.next();
                self.word(line);
            }
            _ => self.push(line, word),
        }
    }

    fn raw_string(&mut self, line: usize, hashes: usize) {
        self.at += hashes + 1;
        while self.at < self.characters.len() {
            if self.next() == '"' && (0..hashes).all(|offset| self.peek(offset) == '#') {
                self.at += hashes;
                break;
            }
        }
        self.push(line, "\"\"");
    }
}
