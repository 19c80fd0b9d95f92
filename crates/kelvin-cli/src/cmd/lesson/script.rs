//! A lesson's text: Markdown whose fenced blocks may be run, asked, or put into the lesson's folder.
//!
//! | fence | what it is |
//! |---|---|
//! | `lesson` | TOML, first of all: `title`, `minutes`, `summary` |
//! | `file NAME` | a file that the commands find in their folder |
//! | `kelvin …` | command lines, run, with what they print below each; see [`Manner`] |
//! | `exercise` | TOML: see [`Exercise`] |
//!
//! A heading of the second level begins a station. All else is prose.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};
use toml::Table;

use super::exercise::{Exercise, take};

/// A lesson.
#[derive(Debug)]
pub(super) struct Lesson {
    pub(super) number: usize,
    pub(super) title: String,
    /// About how long it takes.
    pub(super) minutes: i64,
    /// What one learns, in one line.
    pub(super) summary: String,
    /// What stands before the first station.
    pub(super) preface: Vec<Block>,
    pub(super) stations: Vec<Station>,
}

/// A part of a lesson that is told in one go.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// What a station is made of.
#[derive(Debug)]
pub(super) enum Block {
    /// Markdown.
    Prose(&'static str),
    /// A file for the commands.
    File {
        name: &'static str,
        text: &'static str,
    },
    Commands(Commands),
    Exercise(Exercise),
}

/// Command lines that are run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commands {
    pub(super) lines: Vec<String>,
    pub(super) manner: Manner,
    /// Whether later stations build on what they leave: `keep`.
    pub(super) is_kept: bool,
    /// The most lines of what each prints: `head=12`.
    pub(super) head: usize,
}

/// How commands are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// What they print on stdout.
    Data,
    /// `talk`: what they say on stderr too.
    Talk,
    /// `fails`: they end in an error, and it is what is shown.
    Fails,
    /// `here`: only on this machine; a page leaves it to its reader.
    Here,
    /// `figure`: they print SVG, which a page shows.
    Figure,
}

impl Lesson {
    /// Reads a lesson.
    ///
    /// # Errors
    ///
    /// What is wrong with its text.
    pub(super) fn parse(number: usize, text: &'static str) -> Result<Self, String> {
        let mut parts = parts(text).into_iter();
        let Some(Part::Fence("lesson", body)) = parts.next() else {
            return Err("it begins with a lesson block".to_owned());
        };
        let mut head = table(body)?;
        let mut lesson = Self {
            number,
            title: take(&mut head, "title")?,
            minutes: take(&mut head, "minutes")?,
            summary: take(&mut head, "summary")?,
            preface: Vec::new(),
            stations: Vec::new(),
        };
        for part in parts {
            let block = match part {
                Part::Heading(title) => {
                    lesson.stations.push(Station { title, blocks: Vec::new() });
                    continue;
                }
                Part::Prose(text) => Block::Prose(text),
                Part::Fence(info, body) => block(info, body)?,
            };
            let station = lesson.stations.last_mut();
            station.map_or(&mut lesson.preface, |station| &mut station.blocks).push(block);
        }
        Ok(lesson)
    }

    /// The files that its commands find.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let blocks = self.stations.iter().flat_map(|station| &station.blocks).chain(&self.preface);
        blocks.filter_map(|block| match block {
            Block::File { name, text } => Some((*name, *text)),
            _ => None,
        })
    }
}

/// A lesson's text, cut at headings and fences.
enum Part {
    Prose(&'static str),
    Heading(String),
    Fence(&'static str, &'static str),
}

fn parts(text: &'static str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut prose = 0; // where it begins
    let mut depth = 0; // of blocks in blocks
    for (event, range) in Parser::new(text).into_offset_iter() {
        let part = match &event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) if depth == 0 => {
                Some(Part::Heading(text[range.clone()].trim_start_matches('#').trim().to_owned()))
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) if depth == 0 => {
                fence(text, &range)
            }
            _ => None,
        };
        match event {
            Event::Start(_) => depth += 1,
            Event::End(TagEnd::HtmlBlock | TagEnd::CodeBlock | _) => depth -= 1,
            _ => (),
        }
        if let Some(part) = part {
            push_prose(&text[prose..range.start], &mut parts);
            prose = range.end;
            parts.push(part);
        }
    }
    push_prose(&text[prose..], &mut parts);
    parts
}

fn push_prose(text: &'static str, parts: &mut Vec<Part>) {
    if !text.trim().is_empty() {
        parts.push(Part::Prose(text.trim()));
    }
}

/// A fence of ours; one of prose, such as `text`, is none.
fn fence(text: &'static str, range: &Range<usize>) -> Option<Part> {
    let (info, body) = text[range.clone()].trim_start_matches('`').split_once('\n')?;
    let body = body.trim_end().trim_end_matches('`');
    let kind = info.split_whitespace().next()?;
    let is_ours = ["lesson", "file", "kelvin", "exercise"].contains(&kind);
    is_ours.then_some(Part::Fence(info.trim(), body))
}

fn block(info: &'static str, body: &'static str) -> Result<Block, String> {
    let mut words = info.split_whitespace();
    match words.next() {
        Some("file") => {
            let name = words.next().ok_or("a file without a name")?;
            Ok(Block::File { name, text: body })
        }
        Some("kelvin") => Commands::parse(words, body).map(Block::Commands),
        Some("exercise") => Exercise::parse(table(body)?).map(Block::Exercise),
        _ => Err(format!("no block {info:?}")),
    }
}

impl Commands {
    fn parse<'a>(words: impl Iterator<Item = &'a str>, body: &str) -> Result<Self, String> {
        let lines = body.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned);
        let mut commands =
            Self { lines: lines.collect(), manner: Manner::Data, is_kept: false, head: usize::MAX };
        for word in words {
            match (word, word.strip_prefix("head=")) {
                ("talk", _) => commands.manner = Manner::Talk,
                ("fails", _) => commands.manner = Manner::Fails,
                ("here", _) => commands.manner = Manner::Here,
                ("figure", _) => commands.manner = Manner::Figure,
                ("keep", _) => commands.is_kept = true,
                (_, Some(lines)) => {
                    commands.head = lines.parse().map_err(|_| format!("{word}: no number"))?;
                }
                _ => return Err(format!("a kelvin block knows no {word:?}")),
            }
        }
        Ok(commands)
    }
}

fn table(text: &str) -> Result<Table, String> {
    text.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "```lesson\ntitle = \"T\"\nminutes = 3\nsummary = \"S\"\n```\nBefore.\n\n## One\n\nProse \
                        *here*.\n\n```text\n## no heading\n```\n\n```kelvin head=2 keep\nkelvin a \"b c\"\n\nkelvin \
                        d\n```\n\n## Two\n\n- a list\n\n```exercise\nask = \"how many?\"\nvalue = \
                        3\nwhy = \"because\"\n```\n\n```file a.txt\none\ntwo\n```\nThe end.\n";

    #[test]
    fn headings_and_fences_cut_the_text() {
        let lesson = Lesson::parse(0, TEXT).expect("it is well-formed");
        assert_eq!((lesson.title.as_str(), lesson.minutes, lesson.summary.as_str()), ("T", 3, "S"));
        assert!(matches!(lesson.preface[..], [Block::Prose("Before.")]));
        let titles: Vec<&str> = lesson.stations.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(titles, ["One", "Two"]);
        let [Block::Prose(prose), Block::Commands(commands)] = &lesson.stations[0].blocks[..]
        else {
            panic!("{:?}", lesson.stations[0].blocks)
        };
        assert!(prose.starts_with("Prose *here*.") && prose.contains("## no heading"), "{prose}");
        let lines = vec!["kelvin a \"b c\"".to_owned(), "kelvin d".to_owned()];
        let expected = Commands { lines, manner: Manner::Data, is_kept: true, head: 2 };
        assert_eq!(commands, &expected);
        let [Block::Prose("- a list"), Block::Exercise(_), _, Block::Prose("The end.")] =
            &lesson.stations[1].blocks[..]
        else {
            panic!("{:?}", lesson.stations[1].blocks)
        };
        assert_eq!(lesson.files().collect::<Vec<_>>(), [("a.txt", "one\ntwo\n")]);
    }

    #[test]
    fn what_is_misspelled_is_told() {
        let with = |block: &str| -> &'static str {
            format!("```lesson\ntitle = \"T\"\nminutes = 3\nsummary = \"S\"\n```\n{block}").leak()
        };
        for (block, told) in [
            ("```kelvin loud\nkelvin a\n```", "a kelvin block knows no \"loud\""),
            ("```kelvin head=x\nkelvin a\n```", "head=x: no number"),
            ("```file\na\n```", "a file without a name"),
            ("```exercise\nask = 1\n```", "ask"),
        ] {
            let error = Lesson::parse(0, with(block)).expect_err(block);
            assert!(error.contains(told), "{error}");
        }
        assert!(Lesson::parse(0, "no head").is_err());
    }
}
