//! A lesson as one HTML page that needs nothing else: no script, no network, light and dark.

use std::fmt::Write as _;

use anyhow::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pulldown_cmark::{Parser, html};

use super::exercise::Exercise;
use super::script::{Block, Commands, Lesson, Manner, Station};
use super::workshop::{Workshop, shown};
use crate::exit::Code;

/// Columns of what commands print.
pub(super) const COLUMNS: usize = 84;

/// The look of the page.
const STYLE: &str = include_str!("../../../lessons/page.css");

/// The page; nothing where Ctrl-C ended a command.
///
/// # Errors
///
/// As those of the lesson's commands.
pub(super) fn write(lesson: &Lesson, workshop: &mut Workshop) -> Result<Option<String>> {
    let mut page = Page { html: String::new(), workshop };
    page.head(lesson);
    let blocks = lesson.preface.iter().map(|block| (None, block));
    let stations = lesson.stations.iter().enumerate();
    let of_stations = stations.flat_map(|(at, station)| {
        station
            .blocks
            .iter()
            .enumerate()
            .map(move |(nth, block)| ((nth == 0).then_some((at, station)), block))
    });
    for (heading, block) in blocks.chain(of_stations) {
        if let Some((at, station)) = heading {
            page.heading(at, station);
        }
        if page.block(block)? == Code::Interrupted {
            return Ok(None);
        }
    }
    page.html.push_str("</main>\n</body>\n</html>\n");
    Ok(Some(page.html))
}

struct Page<'a> {
    html: String,
    workshop: &'a mut Workshop,
}

impl Page<'_> {
    fn head(&mut self, lesson: &Lesson) {
        let Lesson { number, minutes, .. } = lesson;
        let (title, summary) = (escaped(&lesson.title), inline(&lesson.summary));
        let items = lesson.stations.iter().enumerate().map(|(at, station)| {
            format!("<li><a href=\"#station-{}\">{}</a></li>\n", at + 1, escaped(&station.title))
        });
        let contents: String = items.collect();
        self.push(&format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light \
             dark\">\n<title>Lesson {number} · {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>Lesson {number} · {title}</h1>\n<p class=\"lead\">{summary}</p>\n<p class=\"time\">About {minutes} \
             minutes. On a terminal <code>kelvin lesson {number}</code> asks the questions and checks the \
             answers.</p>\n<nav><ol>\n{contents}</ol></nav>\n"
        ));
    }

    fn heading(&mut self, at: usize, station: &Station) {
        let (number, title) = (at + 1, escaped(&station.title));
        self.push(&format!("<h2 id=\"station-{number}\"><span>{number}</span> {title}</h2>\n"));
    }

    fn block(&mut self, block: &Block) -> Result<Code> {
        match block {
            Block::Prose(text) => html::push_html(&mut self.html, Parser::new(text)),
            Block::File { name, text } => {
                let text = escaped(text);
                self.push(&format!("<figure class=\"file\"><figcaption>{name}</figcaption><pre>{text}</pre></figure>\n"));
            }
            Block::Commands(commands) => return self.commands(commands),
            Block::Exercise(exercise) => return self.exercise(exercise),
        }
        Ok(Code::Done)
    }

    fn commands(&mut self, commands: &Commands) -> Result<Code> {
        for line in &commands.lines {
            let code = match commands.manner {
                Manner::Figure => self.figure(line)?,
                Manner::Here => {
                    self.run(
                        line,
                        "<p>This one speaks of the machine that it runs on: try it on yours.</p>",
                    );
                    Code::Done
                }
                _ => {
                    let told = self.workshop.run_as(line, commands.manner)?;
                    let output = colored(&shown(&told, commands));
                    self.run(line, &format!("<pre>{output}</pre>"));
                    told.code
                }
            };
            if code == Code::Interrupted {
                return Ok(code);
            }
        }
        Ok(Code::Done)
    }

    fn run(&mut self, line: &str, output: &str) {
        let line = escaped(line);
        self.push(&format!(
            "<figure class=\"run\"><figcaption>{line}</figcaption>{output}</figure>\n"
        ));
    }

    /// A picture for each theme, each for itself: names inside one would meet those of another.
    fn figure(&mut self, line: &str) -> Result<Code> {
        let mut address = |theme: &str| -> Result<String> {
            let told = self.workshop.run_as(&format!("{line} --theme {theme}"), Manner::Data)?;
            let svg = utf8_percent_encode(&told.data, NON_ALPHANUMERIC);
            Ok(format!("data:image/svg+xml,{svg}"))
        };
        let (light, dark) = (address("light")?, address("dark")?);
        let alt = escaped(line);
        self.run(
            line,
            &format!(
                "<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"{dark}\"><img \
                 src=\"{light}\" alt=\"What {alt} draws\"></picture>"
            ),
        );
        Ok(Code::Done)
    }

    fn exercise(&mut self, exercise: &Exercise) -> Result<Code> {
        let right = escaped(&self.workshop.answer(exercise)?.shown());
        let question = inline(&exercise.ask);
        self.push(&format!(
            "<section class=\"exercise\">\n<p><strong>Exercise.</strong> {question}</p>\n"
        ));
        if !exercise.hint.is_empty() {
            let hint = inline(&exercise.hint);
            self.push(&format!("<details><summary>Hint</summary><p>{hint}</p></details>\n"));
        }
        let why = inline(&exercise.why);
        self.push(&format!(
            "<details><summary>Solution</summary><p>The answer is <strong>{right}</strong>. {why}</p>\n"
        ));
        let code = self.commands(&Commands {
            lines: exercise.show.clone(),
            manner: Manner::Data,
            is_kept: false,
            head: usize::MAX,
        })?;
        self.push("</details>\n</section>\n");
        Ok(code)
    }

    fn push(&mut self, html: &str) {
        self.html.push_str(html);
    }
}

/// A paragraph of Markdown without its paragraph.
fn inline(markdown: &str) -> String {
    let mut page = String::new();
    html::push_html(&mut page, Parser::new(markdown));
    let page = page.trim();
    page.strip_prefix("<p>").and_then(|it| it.strip_suffix("</p>")).unwrap_or(page).to_owned()
}

fn escaped(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            '"' => page.push_str("&quot;"),
            _ => write!(page, "{c}").expect("a String takes it"),
        }
    }
    page
}

/// What a terminal shows; its colours are variables of the page's style.
fn colored(text: &str) -> String {
    let converter = ansi_to_html::Converter::new().four_bit_var_prefix(Some("ansi-".to_owned()));
    converter
        .convert(text)
        .unwrap_or_else(|_| escaped(&anstream::adapter::strip_str(text).to_string()))
}
