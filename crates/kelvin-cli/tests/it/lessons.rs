//! The lessons: each runs from its first station to its last, its answers are right, its page needs nothing else.

use std::fs;

use kelvin::math;
use serde_json::Value;

use crate::binary::{Run, in_crate, kelvin};

const LESSONS: [&str; 5] = ["0", "1", "2", "3", "4"];

fn text(number: &str) -> String {
    fs::read_to_string(in_crate("lessons").join(format!("{number}.md"))).expect("readable")
}

fn told(number: &str) -> Run {
    let run = kelvin(&["lesson", number, "--all"]);
    assert_eq!(run.code, 0, "lesson {number}: {}", run.stderr);
    assert!(!run.stdout.contains("(random)"), "lesson {number} has a seed that nobody knows");
    run
}

/// The answers that a lesson gave, in order.
fn answers(run: &Run) -> Vec<String> {
    let lines = run.stdout.lines().filter_map(|line| line.strip_prefix("The answer is "));
    lines.map(|line| line.trim_end_matches('.').to_owned()).collect()
}

/// What a test knows about an answer.
enum Right {
    Number(f64),
    Word(&'static str),
}
use Right::{Number, Word};

/// Tells a lesson and holds every answer to one that was found in another way.
fn hold(number: &str, right: &[Right]) {
    let run = told(number);
    let lesson = text(number);
    let titles = lesson.lines().filter_map(|line| line.strip_prefix("## "));
    for (at, title) in titles.enumerate() {
        assert!(run.stdout.contains(&format!("── {} of ", at + 1)), "{title}");
        assert!(run.stdout.contains(&format!(" · {title} ──")), "{title}");
    }
    let given = answers(&run);
    assert_eq!(given.len(), right.len(), "lesson {number}: {given:?}");
    for (at, (given, right)) in given.iter().zip(right).enumerate() {
        match right {
            Word(word) => assert_eq!(given, word, "lesson {number}, answer {}", at + 1),
            Number(number_) => {
                let places = given.split_once('.').map_or(0, |(_, places)| places.len());
                let expected = format!("{number_:.places$}");
                assert_eq!(given, &expected, "lesson {number}, answer {}", at + 1);
            }
        }
    }
}

/// A row of logits, and what becomes of it by the plain formulas.
#[derive(Clone)]
struct Row(Vec<f64>);

impl Row {
    fn of(example: &str) -> Self {
        let file = in_crate("data").join(format!("{example}.json"));
        let json: Value =
            serde_json::from_str(&fs::read_to_string(file).expect("readable")).expect("JSON");
        let logits = json["logits"].as_array().expect("logits");
        Self(logits.iter().map(|logit| logit.as_f64().expect("a number")).collect())
    }

    fn at(&self, t: f64) -> Law {
        let top = self.0.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> = self.0.iter().map(|logit| math::exp((logit - top) / t)).collect();
        let mut law = Law(weights);
        law.0.sort_by(|a, b| b.total_cmp(a));
        law.shared()
    }
}

/// Probabilities, the largest first.
#[derive(Clone)]
struct Law(Vec<f64>);

impl Law {
    fn shared(mut self) -> Self {
        let sum: f64 = self.0.iter().sum();
        self.0.iter_mut().for_each(|p| *p /= sum);
        self
    }

    fn top_k(mut self, k: usize) -> Self {
        self.0.truncate(k);
        self.shared()
    }

    fn top_p(self, p: f64) -> Self {
        let mut before = 0.0;
        let mut kept = Vec::new();
        for share in self.0 {
            if before >= p {
                break;
            }
            before += share;
            kept.push(share);
        }
        Self(kept).shared()
    }

    fn min_p(self, m: f64) -> Self {
        let bar = self.0[0] * m;
        Self(self.0.into_iter().filter(|&share| share >= bar).collect()).shared()
    }

    fn p(&self, place: usize) -> Right {
        Number(self.0[place])
    }

    fn kept(&self) -> Right {
        Number(self.0.len() as f64)
    }

    fn entropy(&self) -> f64 {
        -self.0.iter().map(|&p| if p > 0.0 { p * math::ln(p) } else { 0.0 }).sum::<f64>()
    }

    fn expected_unique(&self, n: i32) -> f64 {
        self.0.iter().map(|p| 1.0 - (1.0 - p).powi(n)).sum()
    }

    /// The expected share of the most frequent of three in ten draws, by going through all outcomes.
    fn mode_share_of_three_in_ten(&self) -> f64 {
        let factorial = |n: i32| (1..=n).map(f64::from).product::<f64>();
        let [a, b, c] = [self.0[0], self.0[1], self.0[2]];
        let mut mean = 0.0;
        for i in 0..=10 {
            for j in 0..=10 - i {
                let k = 10 - i - j;
                let ways = factorial(10) / (factorial(i) * factorial(j) * factorial(k));
                mean +=
                    ways * a.powi(i) * b.powi(j) * c.powi(k) * f64::from(i.max(j).max(k)) / 10.0;
            }
        }
        mean
    }
}

/// The temperature of the exercise: straight from 0.3 through 1 to 1.5 as the entropy rises.
fn adaptive(row: &Row) -> f64 {
    let law = row.at(1.0);
    let h = law.entropy() / math::ln(law.0.len() as f64);
    if h <= 0.5 { 0.3 + 0.7 * 2.0 * h } else { 1.0 + 0.5 * (2.0 * h - 1.0) }
}

/// The different characters of a file that a lesson brings.
fn characters(number: &str, file: &str) -> Right {
    let text = text(number);
    let (_, text) = text.split_once(&format!("```file {file}\n")).expect("it is there");
    let (text, _) = text.split_once("```").expect("it ends");
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    Number(characters.len() as f64)
}

#[test]
fn lesson_0_runs_and_its_answers_are_right() {
    let paris = Row::of("paris");
    hold(
        "0",
        &[
            Word("A"), // KING RICHARD, in every play that has one
            paris.at(4.2).p(0),
            paris.at(4.2).top_k(3).p(1),
            paris.at(4.2).top_p(0.9).kept(),
            paris.at(1.0).top_p(0.9).kept(),
            Number(1.0),
            Number(10.0),
        ],
    );
}

#[test]
fn lesson_1_runs_and_its_answers_are_right() {
    let (paris, large) = (Row::of("paris"), Row::of("large1000"));
    let shifted = Row(paris.0.iter().map(|logit| logit + 100.0).collect());
    let greedy_ones = [paris.at(1.0).top_k(1), paris.at(1.0).top_p(0.9), paris.at(0.7).top_p(0.9)];
    let penalised = Row(vec![5.0 / 1.5, 3.0 / 1.5, 2.0, 1.0, 0.5]);
    let nucleus_of_step_2 = {
        let run = kelvin(&[
            "generate",
            "ROMEO:",
            "--preset",
            "balanced",
            "--seed",
            "1",
            "--max-new-tokens",
            "2",
            "--json",
        ]);
        let step: Value =
            serde_json::from_str(run.stdout.lines().nth(2).expect("a step")).expect("JSON");
        step["kept"].as_f64().expect("a number")
    };
    hold(
        "1",
        &[
            paris.at(1.0).p(1),
            shifted.at(1.0).p(0),
            paris.at(1.5).p(0),
            Number(paris.at(3.0).entropy()),
            Number(math::ln(10.0)),
            Number(4.0), // 2, 1, 1, 1 reach the second best
            Number(1.0 - large.at(1.0).0[..10].iter().sum::<f64>()),
            paris.at(1.0).top_p(0.99).kept(),
            Number(greedy_ones.iter().filter(|law| law.0.len() == 1).count() as f64),
            large.at(0.7).top_k(50).top_p(0.9).kept(),
            Number(nucleus_of_step_2),
            penalised.at(1.0).p(1),
            Number(math::exp(3.0 - 2.0) / math::exp(3.0 / 1.5 - 2.0)),
            large.at(1.0).top_p(0.9).kept(),
            paris.at(1.5).min_p(0.05).kept(),
            paris.at(1.5).min_p(0.05).p(1),
            large.at(1.0).min_p(0.1).kept(),
            Number(likeliest_temperature()),
            Number(adaptive(&paris)),
            Number(adaptive(&large)),
        ],
    );
}

/// The temperature of the sweep with the fewest nats per token.
fn likeliest_temperature() -> f64 {
    let prompt = "Once upon a time in a land far away,";
    let nats = |t: f64| {
        let t = t.to_string();
        let args = [
            "generate",
            prompt,
            "--temperature",
            &t,
            "-n",
            "5",
            "--max-new-tokens",
            "40",
            "--seed",
            "1",
            "--json",
        ];
        let run = kelvin(&args);
        let lines =
            run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter_map(|line| line["raw_logprob"].as_f64()).sum::<f64>()
    };
    let all = [0.3, 0.5, 0.7, 1.0, 1.5];
    all.into_iter().max_by(|&a, &b| nats(a).total_cmp(&nats(b))).expect("five")
}

#[test]
fn lesson_2_runs_and_its_answers_are_right() {
    let (viz10, todo1) = (Row::of("viz10"), Row::of("todo1"));
    hold(
        "2",
        &[
            Number(1.0 - (0.25 + 0.18 + 0.15 + 0.12 + 0.08 + 0.04 + 0.000_001)),
            Number(viz10.at(0.5).entropy()),
            Row::of("test10").at(1.0).top_p(0.9).kept(),
            Row::of("confident").at(1.0).top_p(0.9).kept(),
            Row::of("uncertain").at(1.0).top_p(0.9).kept(),
            todo1.at(0.8).top_p(0.9).kept(),
            todo1.at(0.8).top_p(0.9).p(0),
            Number(viz10.at(1.0).expected_unique(50)),
            Number(viz10.at(0.8).top_p(0.9).expected_unique(50)),
            Number(1.0), // 2.8 / 1.3 is below 2.6
            characters("2", "river.txt"),
            Number(f64::from(48 - 10 + 1)),
            Number(1.0 / 8.0),
            Number(0.7),
        ],
    );
}

#[test]
fn lesson_3_runs_and_its_answers_are_right() {
    let pizza = Row::of("pizza");
    let p = pizza.at(1.0).0[0];
    let neutral = pizza.at(1.0);
    let right = [
        pizza.at(1.5).p(0),
        Number((p * (1.0 - p) / 0.01 / 0.01).ceil()),
        Number(two_sided(24, 100, pizza.at(2.0).0[0])),
        pizza.at(0.5).top_k(2).p(0),
        Number(1.0),
        Number(0.0),
        pizza.at(0.7).top_p(0.9).kept(),
        pizza.at(1.0).top_k(3).top_p(0.8).kept(),
        pizza.at(1.0).top_p(0.8).top_k(3).p(0),
        Number(0.0),
        Number(math::exp(1.6)),
        Number(perplexity_of_the_letter()),
        Number(1_841_472.0),
        Number(neutral.expected_unique(10) / 10.0),
        Number(pizza.at(1.0).top_p(0.9).top_k(3).mode_share_of_three_in_ten()),
    ];
    hold("3", &right);
}

/// The probability of a count as rare as this one or rarer, of n draws with probability p.
fn two_sided(count: i32, n: i32, p: f64) -> f64 {
    let ways = |k: i32| (1..=k).map(|i| f64::from(n - k + i) / f64::from(i)).product::<f64>();
    let of = |k: i32| ways(k) * p.powi(k) * (1.0 - p).powi(n - k);
    (0..=n).map(of).filter(|&each| each <= of(count) * (1.0 + 1e-9)).sum()
}

/// Of the first 70 % of the characters, all but the first of which are scored.
fn perplexity_of_the_letter() -> f64 {
    let text = text("3");
    let (_, letter) = text.split_once("```file letter.txt\n").expect("it is there");
    let (letter, _) = letter.split_once("```").expect("it ends");
    let n = letter.chars().count() * 7 / 10;
    let part: String = letter.chars().take(n).collect();
    let run = kelvin(&["score", "--text", &part, "--show", "0", "--json", "-q"]);
    let done = run.stdout.lines().last().expect("a line");
    let done: Value = serde_json::from_str(done).expect("JSON");
    math::exp(done["nats_per_token"].as_f64().expect("a number"))
}

#[test]
fn lesson_4_runs_and_its_answers_are_right() {
    let cat8 = Row::of("cat8");
    hold(
        "4",
        &[
            cat8.at(1.0).p(0),
            Number(1.0),
            Number(cat8.at(1.0).expected_unique(20)),
            Number(cat8.at(2.0).entropy()),
            cat8.at(1.0).top_k(2).p(0),
            cat8.at(1.0).top_p(0.9).kept(),
            Word("jumped"), // 1.5 2.8 2.5 … : the, cat, dog, ran stand before it
            cat8.at(1.0).top_p(0.5).kept(),
            cat8.at(0.8).top_k(6).top_p(0.9).kept(),
            characters("4", "kettle.txt"),
            Number(64.0),
            Number(f64::from(48 - 4)),
            Number(1.0 / 10.0),
            Word("stop"),
            Number(0.0),
            Number(2.0 - (2.0 - 0.5) * 10.0 / 20.0),
            Word("factual"),
        ],
    );
}

#[test]
fn a_lesson_goes_on_at_any_station_with_what_those_before_have_left() {
    for (number, station, built_on) in
        [("2", "10", "Past the trained"), ("3", "9", "Larger models"), ("4", "11", "Where to stop")]
    {
        let run = kelvin(&["lesson", number, "--all", "--from", station]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let first = run.stdout.lines().find(|line| line.starts_with("── ")).expect("a station");
        assert!(!run.stdout.contains("── 1 of "), "{first}");
        assert!(first.contains(built_on), "{first}");
    }
}

#[test]
fn lessons_are_listed_and_one_that_is_none_is_told_with_the_list() {
    let list = kelvin(&["lesson"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    let wrong = kelvin(&["lesson", "5"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.starts_with("error: no lesson \"5\"\n\nhint: the lessons are 0 "),
        "{}",
        wrong.stderr
    );
    for number in LESSONS {
        let text = text(number);
        let title = text.lines().find_map(|line| line.strip_prefix("title = ")).expect("a title");
        let title = title.trim_matches('"');
        assert!(list.stdout.contains(title), "{}", list.stdout);
        assert!(wrong.stderr.contains(&format!("{number} {title}")), "{}", wrong.stderr);
    }
    let beyond = kelvin(&["lesson", "1", "--all", "--from", "99"]);
    assert_eq!(beyond.code, 2);
    assert!(beyond.stderr.starts_with("error: --from 99: the lesson has "), "{}", beyond.stderr);
}

#[test]
fn a_lesson_leaves_past_runs_and_the_folder_alone() {
    let tmp = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("lesson-alone");
    fs::create_dir_all(tmp.join("runs")).expect("a folder");
    let mut command = crate::binary::command();
    command.current_dir(&tmp).env("KELVIN_RUNS", tmp.join("runs")).args(["lesson", "0", "--all"]);
    let run = crate::binary::run(&mut command, "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("100 % equal"), "the lesson has runs of its own");
    let left = |folder: &std::path::Path| fs::read_dir(folder).expect("readable").count();
    assert_eq!((left(&tmp), left(&tmp.join("runs"))), (1, 0));
}

#[test]
fn a_page_needs_nothing_else_and_is_the_same_every_time() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("lesson-4.html");
    let run = kelvin(&["lesson", "4", "--export", "html", "-o", file.to_str().expect("UTF-8")]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let page = fs::read_to_string(&file).expect("written");
    let again = kelvin(&["lesson", "4", "--export", "html"]);
    assert!(again.stdout == page, "two pages differ");
    for reach in ["http:", "https:", "<script", "@import", "url(", "<link", "<iframe"] {
        assert!(!page.contains(reach), "{reach}");
    }
    for address in page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1)) {
        assert!(
            address.starts_with("data:image/svg+xml,") || address.starts_with('#'),
            "{}",
            &address[..40]
        );
    }
    assert_eq!(page.matches("<picture>").count(), text("4").matches("```kelvin figure").count());
    assert!(
        page.matches("<summary>Solution</summary>").count()
            == text("4").matches("```exercise").count()
    );
    is_well_formed(&page);
    let nowhere = kelvin(&["lesson", "4", "--export", "html", "-o", "no/such/folder/x.html"]);
    assert_eq!(nowhere.code, 1);
    assert!(
        nowhere.stderr.starts_with("error: cannot write no/such/folder/x.html\n"),
        "{}",
        nowhere.stderr
    );
}

/// Every tag that opens closes, in order; those without content excepted.
fn is_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{part}"),
            None if ["!doctype", "meta", "img", "source", "br", "hr"].contains(&name) => (),
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}
