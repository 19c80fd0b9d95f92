//! The HTML of a report.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Block, Report, Section, Story, Word};

/// Light and dark by what the reader's system wants; print is light.
const STYLE: &str = include_str!("report.css");

pub(super) fn html(report: &Report) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("Kelvin ", env!("CARGO_PKG_VERSION")));
                title { (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (report.title) }
                    p.lead { (report.lead) }
                    @for part in &report.sections { (section(part)) }
                    footer { "Made by Kelvin " (env!("CARGO_PKG_VERSION")) ". The same command gives the same bytes." }
                }
            }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section {
            h2 { (section.heading) }
            @for part in &section.blocks { (block(part)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Paragraph(text) => html! { p { (text) } },
        Block::Facts(facts) => html! {
            dl { @for (name, value) in facts { dt { (name) } dd { (value) } } }
        },
        Block::Table { columns, rows } => table(columns, rows),
        Block::Figure { light, dark, caption } => html! {
            figure {
                div.light { (PreEscaped(light)) }
                div.dark { (PreEscaped(dark)) }
                figcaption { (caption) }
            }
        },
        Block::Story(it) => story(it),
        Block::Command(line) => html! { pre.command { code { (line) } } },
    }
}

fn table(columns: &[String], rows: &[Vec<String>]) -> Markup {
    html! {
        div.wide {
            table {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn story(story: &Story) -> Markup {
    html! {
        div.story {
            @if !story.label.is_empty() { h3 { (story.label) } }
            div.text {
                span.prompt { (story.prompt) }
                @for word in &story.words { (token(word)) }
            }
        }
    }
}

/// A token; what else could have come appears above it, by pointer or by keyboard.
fn token(word: &Word) -> Markup {
    html! {
        span.t.{ "s" (word.surprise()) } tabindex="0" {
            (word.text)
            span.tip role="tooltip" {
                b { (visible(&word.text)) } " " (percent(word.p)) " (raw " (percent(word.raw_p)) ")" br;
                (format!("{:.2}", word.raw_entropy_nats)) " nats raw · " (word.kept) " kept"
                span.others {
                    @for other in &word.alternatives {
                        span { (visible(&other.text)) }
                        span { (other.p.map_or("–".to_owned(), percent)) }
                        span { (percent(other.raw_p)) }
                    }
                }
            }
        }
    }
}

/// A token's text with its whitespace visible.
fn visible(text: &str) -> String {
    text.replace(' ', "·").replace('\n', "⏎").replace('\t', "⇥")
}

fn percent(p: f64) -> String {
    match 100.0 * p {
        p if p >= 99.95 => "100%".to_owned(),
        p if p >= 0.1 => format!("{p:.1}%"),
        p if p > 0.0 => format!("{p:.1e}%"),
        _ => "0%".to_owned(),
    }
}
