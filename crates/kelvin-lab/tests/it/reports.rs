//! Reports: whole, self-contained, and deaf to what texts try to say in HTML.

use kelvin_lab::report::{Alternative, Block, Report, Section, Story, Word};

fn word(text: &str, raw_p: f64) -> Word {
    let other = |text: &str, p| Alternative { text: text.to_owned(), raw_p: 0.25, p };
    let alternatives = vec![other("<b>", Some(0.5)), other(" it", None)];
    Word { text: text.to_owned(), raw_p, p: 0.5, raw_entropy_nats: 1.25, kept: 3, alternatives }
}

fn report() -> Report {
    let words = vec![word(" <script>alert(1)</script>", 0.9), word("&amp;", 1e-4), word("\n", 0.0)];
    let story = Story { label: "T < 1".to_owned(), prompt: "a \"prompt\"".to_owned(), words };
    Report::new("A & B", "compared").section(
        Section::new("Texts")
            .block(Block::Facts(vec![("seed".to_owned(), "7".to_owned())]))
            .block(Block::Table {
                columns: vec!["policy".to_owned(), "nats".to_owned()],
                rows: vec![vec!["top-k(<5)".to_owned(), "1.5".to_owned()]],
            })
            .blocks([Block::Story(story), Block::Command("kelvin compare \"x\"".to_owned())])
            .block(Block::Figure {
                light: "<svg id=\"l\"></svg>".to_owned(),
                dark: "<svg id=\"d\"></svg>".to_owned(),
                caption: "1 < 2".to_owned(),
            }),
    )
}

#[test]
fn texts_stay_texts() {
    let html = report().to_html();
    assert!(!html.contains("<script"), "{html}");
    for part in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&amp;amp;",
        "top-k(&lt;5)",
        "<svg id=\"l\"></svg>",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(html, report().to_html(), "the same report, the same bytes");
}

#[test]
fn nothing_is_fetched() {
    let html = report().to_html();
    for reach in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!html.contains(reach), "{reach}");
    }
}

#[test]
fn every_element_is_closed() {
    let html = report().to_html();
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1).filter(|tag| !tag.starts_with('!')) {
        let name = tag.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).expect("a tag ends");
        match &name[..end] {
            "meta" | "br" => (),
            name if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            name => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_token_shows_its_surprise_and_what_else_could_have_come() {
    let html = report().to_html();
    for part in [
        "class=\"t s0\"",
        "class=\"t s5\"",
        "50.0% (raw 90.0%)",
        "1.25 nats raw · 3 kept",
        "·it",
        "⏎",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}
