//! `kelvin score`, on a small random model.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::binary::{Run, run};
use crate::generate::{in_folder, kelvin, lines};
use crate::tiny::Tiny;

/// Runs `kelvin score` with arguments that may hold spaces.
fn score(folder: &Path, args: &[&str]) -> Run {
    run(in_folder(folder).arg("score").args(args), "")
}

fn of_type(lines: &[Value], kind: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["type"] == kind).cloned().collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The `done` lines of a run that went well.
fn dones(run: &Run) -> Vec<Value> {
    assert_eq!(run.code, 0, "{}", run.stderr);
    of_type(&lines(run), "done")
}

#[test]
fn models_are_looked_for_before_the_first_is_scored() {
    let folder = Tiny::default().write("score-missing");
    let run = score(&folder, &["-m", "tiny", "-m", "nosuch", "--text", "abc"]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
}

#[test]
fn models_of_one_file_name_are_told_apart() {
    let folder = Tiny::default().write("score-alike");
    let other = Tiny { add_bos: false, ..Tiny::default() }.write("score-alike/other");
    let (one, two) = (folder.join("tiny.gguf"), other.join("tiny.gguf"));
    let names = [&one, &two].map(|path| path.to_str().expect("plain"));
    let run = score(&folder, &["-m", names[0], "-m", names[1], "--text", "abc", "--json"]);
    let found: Vec<_> = of_type(&lines(&run), "header");
    let found: Vec<_> = found.iter().map(|header| header["model"]["name"].clone()).collect();
    assert_eq!(found, names);
}

#[test]
fn a_control_token_that_is_not_scored_has_no_bytes() {
    let folder = Tiny::default().write("score-control");
    let bytes = |args: &[&str]| {
        let run = score(&folder, &[&["-m", "tiny", "--json"][..], args].concat());
        dones(&run)[0]["n_scored_bytes"].clone()
    };
    assert_eq!(bytes(&["--text", "abc"]), 3);
    assert_eq!(bytes(&["--text", "<s>abc", "--parse-special"]), 3, "the text spells BOS");
    assert_eq!(bytes(&["--text", "<s>abc"]), 6, "letters");
    let folder = Tiny { add_bos: false, ..Tiny::default() }.write("score-control-first");
    let run = score(&folder, &["-m", "tiny", "--json", "--text", "</s>abc", "--parse-special"]);
    assert_eq!(dones(&run)[0]["n_scored_bytes"], 3);
}

#[test]
fn json_lines_are_a_header_the_tokens_and_the_figures() {
    let folder = Tiny::default().write("score-lines");
    let lines = lines(&score(&folder, &["-m", "tiny", "--text", "abc é", "--json"]));
    let header = &lines[0];
    let keys: Vec<&str> =
        header.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = "type row schema kelvin model text part context stride bos n_tokens n_bytes";
    assert_eq!(keys.join(" "), expected);
    assert_eq!((&header["context"], &header["stride"]), (&json!(128), &json!(64)));
    assert_eq!(
        (&header["bos"], &header["n_tokens"], &header["n_bytes"]),
        (&json!(true), &json!(6), &json!(6))
    );
    let tokens = of_type(&lines, "token");
    let keys: Vec<&str> =
        tokens[0].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys.join(" "), "type row pos id text surprisal_nats rank entropy_nats");
    let ids: Vec<&Value> = tokens.iter().map(|token| &token["id"]).collect();
    assert_eq!(ids, [259, 260, 261, 285, 198, 172], "letters, a space, two bytes");
    assert_eq!(tokens[0]["pos"], 1, "BOS stands at 0");
    let done = lines.last().expect("an end");
    let keys: Vec<&str> = done.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = "type row part bits_per_byte perplexity nats_per_token nats n_tokens n_scored \
                    n_bytes n_scored_bytes complete";
    assert_eq!(keys.join(" "), expected);
    let nats: f64 = tokens.iter().map(|token| number(&token["surprisal_nats"])).sum();
    assert!((number(&done["nats"]) - nats).abs() < 1e-12);
    assert!((number(&done["perplexity"]) / kelvin::math::exp(nats / 6.0) - 1.0).abs() < 1e-12);
    let bits = nats / std::f64::consts::LN_2 / 6.0;
    assert!((number(&done["bits_per_byte"]) - bits).abs() < 1e-12);
    assert_eq!((&done["complete"], &done["n_scored_bytes"]), (&json!(true), &json!(6)));
}

/// What `next` says of a token is what `score` says of it.
#[test]
fn a_surprisal_is_the_probability_that_next_shows() {
    let folder = Tiny::default().write("score-next");
    let tokens =
        of_type(&lines(&score(&folder, &["-m", "tiny", "--text", "abcz", "--json"])), "token");
    let next = kelvin(&folder, "next -m tiny abc --json --show 286 -q --seed 1").json();
    let z = next["final"].as_array().expect("an array").iter().position(|row| row["id"] == 284);
    let z = z.expect("z is a token");
    assert_eq!(tokens[3]["rank"], z + 1);
    let p = kelvin::math::exp(-number(&tokens[3]["surprisal_nats"]));
    assert!((p - number(&next["final"][z]["raw_p"])).abs() < 1e-12);
    assert_eq!(tokens[3]["entropy_nats"], next["raw"]["entropy_nats"]);
}

#[test]
fn without_bos_the_first_token_and_its_bytes_are_left_out() {
    let folder = Tiny { add_bos: false, ..Tiny::default() }.write("score-no-bos");
    let run = score(&folder, &["-m", "tiny", "--text", "éabc", "--json"]);
    let done = dones(&run).remove(0);
    assert_eq!((&done["n_tokens"], &done["n_scored"]), (&json!(5), &json!(4)));
    assert_eq!((&done["n_bytes"], &done["n_scored_bytes"]), (&json!(5), &json!(4)));
    assert_eq!(of_type(&lines(&run), "token")[0]["pos"], 1);
    let table = score(&folder, &["-m", "tiny", "--text", "éabc", "--show", "0"]).stdout;
    assert!(table.contains("4 of 5"), "{table}");
    let one = score(&folder, &["-m", "tiny", "--text", "a"]);
    let expected = "error: --text: the text is one token, and this model puts none before it: nothing \
                    to score\n";
    assert!(one.stderr.ends_with(expected), "{}", one.stderr);
    assert_eq!((one.code, one.stdout.as_str()), (2, ""));
}

#[test]
fn the_parts_of_a_split_are_scored_as_texts_of_their_own() {
    let folder = Tiny::default().write("score-split");
    let text = "zu vielen Bäumen führt ein Weg";
    let at = text.char_indices().nth(24).expect("30 characters").0; // ⌊0.8 · 30⌋
    let both = dones(&score(&folder, &["-m", "tiny", "--text", text, "--split", "0.8", "--json"]));
    let names: Vec<&Value> = both.iter().map(|done| &done["part"]).collect();
    assert_eq!(names, ["train", "validation"]);
    for (part, done) in [&text[..at], &text[at..]].into_iter().zip(&both) {
        let alone = dones(&score(&folder, &["-m", "tiny", "--text", part, "--json"])).remove(0);
        for figure in ["nats", "perplexity", "bits_per_byte", "n_bytes", "n_tokens"] {
            assert_eq!(done[figure], alone[figure], "{figure}");
        }
    }
    let none_left = score(&folder, &["-m", "tiny", "--text", "ab", "--split", "0.1", "-q"]);
    let expected = "error: --text, train: the text is empty, nothing to score\n";
    assert_eq!((none_left.code, none_left.stderr.as_str()), (2, expected));
    let share = score(&folder, &["-m", "tiny", "--text", "ab", "--split", "90%"]);
    assert!(
        share.stderr.starts_with("error: --split 90% is outside 0 < share < 1\n"),
        "{}",
        share.stderr
    );
    assert_eq!(share.code, 2);
}

#[test]
fn models_stand_side_by_side() {
    let folder = Tiny::default().write("score-models");
    std::fs::copy(folder.join("tiny.gguf"), folder.join("twin.gguf")).expect("writable");
    let table = score(&folder, &["-m", "tiny", "-m", "twin", "--text", "abc abc"]);
    let rows: Vec<Vec<&str>> =
        table.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..4], ["model", "part", "bits/byte", "perplexity"]);
    assert_eq!((rows.len(), rows[1][0], rows[2][0]), (3, "tiny", "twin"));
    assert_eq!(rows[1][1..], rows[2][1..]);
    let headers: Vec<&str> = table.stderr.lines().collect();
    assert_eq!(headers.len(), 2);
    assert!(headers[1].starts_with("twin · F32 · "), "{}", headers[1]);
    assert!(headers[1].ends_with(" · windows of 128 tokens, 64 apart"), "{}", headers[1]);
    std::fs::write(folder.join("damaged.gguf"), "GGUF").expect("writable");
    let damaged = score(&folder, &["-m", "tiny", "-m", "damaged", "--text", "abc"]);
    assert_eq!(damaged.code, 3);
    assert!(damaged.stdout.contains("tiny"), "the first model's row stands: {}", damaged.stdout);
}

#[test]
fn the_gate_names_the_part_and_by_how_much() {
    let folder = Tiny::default().write("score-gate");
    let args = ["-m", "tiny", "--text", "abcabczqzxzv", "--split", "0.5", "--json", "--show", "0"];
    let ppl: Vec<f64> =
        dones(&score(&folder, &args)).iter().map(|done| number(&done["perplexity"])).collect();
    let between = f64::midpoint(ppl[0], ppl[1]).round();
    let (part, worst) = if ppl[0] > ppl[1] { ("train", ppl[0]) } else { ("validation", ppl[1]) };
    let gate = |max: f64| {
        let max = max.to_string();
        score(&folder, &[&args[..], &["--max-ppl", &max, "-q"]].concat())
    };
    let failed = gate(between);
    let expected = format!(
        "error: tiny, {part}: perplexity {worst:.3} is {:.3} above --max-ppl {between}\n",
        worst - between
    );
    assert_eq!((failed.code, &failed.stderr), (1, &expected));
    assert_eq!(of_type(&lines(&failed), "done").len(), 2, "the figures are there all the same");
    assert_eq!(gate(worst.ceil()).code, 0);
    let both = gate(1.0);
    assert_eq!((both.code, both.stderr.matches(" above --max-ppl 1").count()), (1, 2));
    for bad in ["0.5", "inf", "nan", "many"] {
        let refused = score(&folder, &["-m", "tiny", "--text", "abc", "--max-ppl", bad]);
        assert_eq!(refused.code, 2, "{bad}");
        let expected = format!("error: --max-ppl {bad} is outside 1 ≤ X\n");
        assert!(refused.stderr.starts_with(&expected), "{}", refused.stderr);
    }
}

#[test]
fn long_texts_are_read_through_windows() {
    let folder = Tiny { context: 40, ..Tiny::default() }.write("score-windows");
    let text = "the quick brown fox jumps over the lazy dog ".repeat(5);
    let of = |more: &[&str]| {
        let args = [&["-m", "tiny", "--text", &text, "--json"][..], more].concat();
        let run = score(&folder, &args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        of_type(&lines(&run), "token")
    };
    let tokens = of(&[]);
    let positions: Vec<&Value> = tokens.iter().map(|token| &token["pos"]).collect();
    assert_eq!(positions, (1..=text.len()).collect::<Vec<_>>());
    assert_eq!(tokens, of(&["--context", "40", "--stride", "20"]), "these are the defaults");
    assert_eq!(tokens, of(&["--threads", "1"]));
    assert_eq!(tokens, of(&["--threads", "3", "--simd", "scalar"]));
    let narrow = of(&["--context", "40", "--stride", "3"]);
    assert_eq!(tokens[..39], narrow[..39], "the first window is the same");
    assert_ne!(tokens[39..], narrow[39..]);
    for (flags, said) in [
        (["--context", "41"], "--context 41 is more than the 40 tokens of tiny's context"),
        (["--context", "2"], "a window of 2 tokens is too small, expected at least 3"),
        (["--stride", "39"], "a stride of 39 is outside 1 to 38 for windows of 40"),
    ] {
        let refused = score(&folder, &[&["-m", "tiny", "--text", "abc"][..], &flags].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert_eq!(refused.stderr.lines().next(), Some(&*format!("error: {said}")));
    }
}

#[test]
fn a_file_stdin_and_a_typed_text_are_the_same() {
    let folder = Tiny::default().write("score-sources");
    std::fs::write(folder.join("text.txt"), "one\ntwo\n").expect("writable");
    let file = folder.join("text.txt");
    let figures = |run: &Run| dones(run).remove(0);
    let typed = figures(&score(&folder, &["-m", "tiny", "--text", "one\ntwo\n", "--json"]));
    let read = score(&folder, &["-m", "tiny", file.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(figures(&read), typed);
    let piped = run(in_folder(&folder).args(["score", "-m", "tiny", "-", "--json"]), "one\ntwo\n");
    assert_eq!(figures(&piped), typed);
    assert_eq!(lines(&piped)[0]["text"], "stdin");
}

#[test]
fn texts_that_cannot_be_read_are_said_in_one_line() {
    let folder = Tiny::default().write("score-refused");
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("writable");
        folder.join(name).to_str().expect("UTF-8").to_owned()
    };
    let (latin, cut, empty) =
        (file("latin", b"caf\xE9 noir"), file("cut", b"ab\xC3"), file("empty", b""));
    let gone = folder.join("gone").to_str().expect("UTF-8").to_owned();
    for (path, said) in [
        (&latin, format!("{latin}: byte 3 is 0xE9, which is no UTF-8 there")),
        (&cut, format!("{cut}: byte 2 is 0xC3, which is no UTF-8 there")),
        (&empty, format!("{empty}: the text is empty, nothing to score")),
        (&gone, format!("cannot read {gone}")),
    ] {
        let refused = score(&folder, &["-m", "tiny", path, "-q"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{}", refused.stderr);
        assert_eq!(refused.stderr.lines().next(), Some(&*format!("error: {said}")));
    }
    for args in [&["-m", "tiny"][..], &["-m", "tiny", &latin, "--text", "both"]] {
        assert_eq!(score(&folder, args).code, 2);
    }
}

#[test]
fn the_most_surprising_tokens_are_listed_with_what_stood_before() {
    let folder = Tiny::default().write("score-list");
    let args = ["-m", "tiny", "--text", "abc\nxyz", "--show", "3"];
    let listed = score(&folder, &args).stdout;
    let tokens =
        of_type(&lines(&score(&folder, &["-m", "tiny", "--text", "abc\nxyz", "--json"])), "token");
    let mut order: Vec<&Value> = tokens.iter().collect();
    order.sort_by(|a, b| number(&b["surprisal_nats"]).total_cmp(&number(&a["surprisal_nats"])));
    let rows: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["surprisal", "expected", "rank", "pos", "before", "token"]);
    for (row, token) in rows[1..4].iter().zip(&order) {
        assert_eq!(row[0], format!("{:.2}", number(&token["surprisal_nats"])));
        assert_eq!(row[3], token["pos"].to_string());
    }
    assert!(rows[4].is_empty(), "three and no more: {listed}");
    let shown = of_type(
        &lines(&score(&folder, &["-m", "tiny", "--text", "abc\nxyz", "--json", "--show", "3"])),
        "token",
    );
    assert_eq!(shown.iter().collect::<Vec<_>>(), order[..3]);
}

/// The text with its escapes removed is the text; each step of the legend looks different, with and
/// without its colour.
#[test]
fn a_heat_map_is_the_text_in_steps_that_need_no_colour() {
    let folder = Tiny::default().write("score-map");
    let text = "abc é\nxyz\x1b[2J";
    let map = score(&folder, &["-m", "tiny", "--text", text, "--color", "always"]).stdout;
    let plain = anstream::adapter::strip_str(&map).to_string();
    let mut parts = plain.split("\n\n");
    let legend = "surprisal in nats:  under 1   1 to 3   3 to 6   6 to 9   9 and more";
    assert_eq!(parts.next(), Some(legend));
    assert_eq!(parts.next(), Some("abc é⏎\nxyz\\u{1b}[2J"));
    assert!(parts.next().expect("the table").starts_with("model  part  bits/byte"));
    let styles: Vec<String> =
        map.lines()
            .next()
            .expect("the legend")
            .split("   ")
            .map(|step| {
                let codes = step.split('\x1b').skip(1).filter_map(|code| {
                    code.strip_suffix('m').or(code.split_once('m').map(|it| it.0))
                });
                codes.filter(|code| !code.starts_with("[3")).collect()
            })
            .collect();
    let mut different = styles.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 5, "effects alone tell the steps apart: {styles:?}");
    let uncoloured = score(&folder, &["-m", "tiny", "--text", text]).stdout;
    assert!(uncoloured.starts_with("surprisal  expected"), "{uncoloured}");
}

#[test]
fn a_broken_model_fails_while_running() {
    let folder = Tiny { broken: true, ..Tiny::default() }.write("score-broken");
    let failed = score(&folder, &["-m", "tiny", "--text", "abc", "-q"]);
    assert_eq!((failed.code, failed.stdout.as_str()), (1, ""));
    assert!(failed.stderr.starts_with("error: 286 logits are not finite"), "{}", failed.stderr);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_scored() {
    let folder = Tiny { context: 100_000, ..Tiny::default() }.write("score-interrupt");
    std::fs::write(folder.join("long.txt"), "abc ".repeat(25_000)).expect("writable");
    let mut child = in_folder(&folder)
        .args(["score", "-m", "tiny", "--json", "--max-ppl", "1"])
        .arg(folder.join("long.txt"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut said = String::new();
    while !said.contains("\"token\"") {
        assert!(out.read_line(&mut said).expect("it goes on") > 0);
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill is there").success());
    out.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let done: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&done["complete"], &done["bits_per_byte"]), (&json!(false), &Value::Null));
    assert!(number(&done["perplexity"]) > 1.0);
}
