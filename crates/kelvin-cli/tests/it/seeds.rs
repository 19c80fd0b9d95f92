//! `docs/seeds.md`: every row of the five courses, and the command or test that shows it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binary::{Run, command, in_crate, run, skipped};
use crate::transcripts::words;

/// What a row may claim.
const HOW: [&str; 3] = ["exact", "by layout", "not offline"];

/// Rows of each course.
const ROWS: [usize; 5] = [23, 41, 26, 21, 23];

/// A line of the tables.
struct Row {
    id: String,
    shown_by: Vec<Code>,
    prints: Vec<Code>,
    how: String,
}

/// A text between backticks, and what stands before it.
struct Code {
    mark: String,
    text: String,
}

/// What the commands of a row left behind.
#[derive(Default)]
struct Output {
    stdout: String,
    stderr: String,
    last: Option<Run>,
}

#[test]
fn every_row_is_there_in_order() {
    let ids: Vec<String> = rows().into_iter().map(|row| row.id).collect();
    let numbered = |(seed, rows): (usize, &usize)| {
        (1..=*rows).map(move |row| format!("S{seed}-{row:02}")).collect::<Vec<_>>()
    };
    let expected: Vec<String> = ROWS.iter().enumerate().flat_map(numbered).collect();
    assert_eq!(ids, expected);

    let path = root().join("../shared/seeds/features.md");
    let Ok(features) = fs::read_to_string(&path) else {
        return skipped(&format!("no {}", path.display()));
    };
    let cells = features.lines().filter_map(|line| line.strip_prefix("| S")?.split_once(' '));
    let listed: Vec<String> = cells.map(|(id, _)| format!("S{id}")).collect();
    assert_eq!(ids, listed);
}

#[test]
fn every_row_shows_what_it_says() {
    let failures: Vec<String> = rows().iter().flat_map(failures).collect();
    let n = failures.len();
    assert!(failures.is_empty(), "{n} failures\n{}", failures.join("\n"));
}

/// The repository, where the commands of the page run.
fn root() -> PathBuf {
    in_crate("../..")
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/seeds.md")).expect("the page is there");
    page.lines().filter(|line| line.starts_with("| S")).map(row).collect()
}

/// A line's five cells.
fn row(line: &str) -> Row {
    let hidden = line.replace("\\|", "\0");
    let cells: Vec<String> = hidden.split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
    let [_, id, _, shown_by, prints, how, _] = cells.as_slice() else {
        panic!("five cells, not {}: {line}", cells.len() - 2);
    };
    Row { id: id.clone(), shown_by: codes(shown_by), prints: codes(prints), how: how.clone() }
}

/// The texts between backticks; a mark holds until the next one.
fn codes(cell: &str) -> Vec<Code> {
    let parts: Vec<&str> = cell.split('`').collect();
    let pairs = parts.chunks_exact(2).map(|pair| (pair[0].trim(), pair[1]));
    let mut mark = String::new();
    let code = |(before, text): (&str, &str)| {
        if before.ends_with(':') {
            before.trim_end_matches(':').clone_into(&mut mark);
        }
        Code { mark: mark.clone(), text: text.replace('⏎', "\n") }
    };
    pairs.map(code).collect()
}

/// Everything that is wrong with a row.
fn failures(row: &Row) -> Vec<String> {
    let mut found = Vec::new();
    if !HOW.contains(&row.how.as_str()) {
        found.push(format!("{:?} is none of {HOW:?}", row.how));
    }
    if row.shown_by.is_empty() {
        found.push("nothing shows it".to_owned());
    }
    let (commands, places): (Vec<&Code>, Vec<&Code>) =
        row.shown_by.iter().partition(|shown| shown.text.starts_with("kelvin "));
    found.extend(places.iter().filter_map(|place| missing(&place.text)));
    if commands.is_empty() != row.prints.is_empty() {
        found.push("a command prints something, and nothing else does".to_owned());
    }
    match run_all(&row.id, &commands, exit_code(row)) {
        Ok(output) => found.extend(row.prints.iter().filter_map(|text| absent(text, &output))),
        Err(failure) => found.push(failure),
    }
    found.into_iter().map(|failure| format!("{}: {failure}", row.id)).collect()
}

/// Why a page or a test is not there.
fn missing(place: &str) -> Option<String> {
    let (file, name) = place.split_once("::").unwrap_or((place, ""));
    let Ok(text) = fs::read_to_string(root().join(file)) else {
        return Some(format!("no file {file}"));
    };
    let is_there = name.is_empty() || text.contains(&format!("fn {name}("));
    (!is_there).then(|| format!("no test {name} in {file}"))
}

/// The code that a row's last command ends with.
fn exit_code(row: &Row) -> i32 {
    let marked = row.prints.iter().find_map(|text| text.mark.strip_prefix("exit "));
    marked.map_or(0, |code| code.parse().expect("a number behind exit"))
}

/// Runs a row's commands one after the other.
///
/// # Errors
///
/// The first that ends with another code.
fn run_all(id: &str, commands: &[&Code], code: i32) -> Result<Output, String> {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seeds").join(id);
    fs::remove_dir_all(&tmp).ok();
    fs::create_dir_all(&tmp).expect("a folder can be made");
    let mut output = Output::default();
    for (at, shown) in commands.iter().enumerate() {
        let run = run_one(&shown.text, &tmp);
        let expected = if at + 1 == commands.len() { code } else { 0 };
        if run.code != expected {
            return Err(format!("{} ends with {}\n{}", shown.text, run.code, run.stderr));
        }
        output.stdout.push_str(&run.stdout);
        output.stderr.push_str(&run.stderr);
        output.last = Some(run);
    }
    Ok(output)
}

fn run_one(line: &str, tmp: &Path) -> Run {
    let (line, stdin) = line.split_once(" <<< ").unwrap_or((line, ""));
    let place = |word: String| word.replace("{tmp}", &tmp.to_string_lossy());
    let args = words(line).into_iter().skip(1).map(place);
    run(command().current_dir(root()).args(args), stdin.trim_matches('\''))
}

/// Why a text is not where it should be.
fn absent(text: &Code, output: &Output) -> Option<String> {
    let last = || output.last.as_ref().map_or("", |run| run.stderr.as_str());
    let whole = match text.mark.as_str() {
        "" => output.stdout.as_str(),
        "stderr" => output.stderr.as_str(),
        mark if mark.starts_with("exit ") => last(),
        mark => return Some(format!("{mark:?} is no mark")),
    };
    (!whole.contains(&text.text)).then(|| format!("no {:?} in\n{whole}", text.text))
}
