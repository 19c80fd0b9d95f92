//! Reports of comparisons and sweeps: whole, self-contained, the same bytes each time.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binary::{Run, kelvin};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("writable");
    folder
}

fn compare(more: &[&str]) -> Run {
    let args = ["compare", "ROMEO:", "-s", "greedy", "-s", "T=1.3,top_k=5", "-n", "4"];
    let rest = ["--max-new-tokens", "12", "--seed", "1"];
    kelvin(&[&args[..], &rest, more].concat())
}

#[test]
fn a_comparison_has_a_page() {
    let folder = folder("compare");
    let [one, two] = ["one.html", "two.html"].map(|name| folder.join(name));
    for (path, threads) in [(&one, "1"), (&two, "2")] {
        let run = compare(&["--threads", threads, "--report", &path.to_string_lossy()]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stderr.ends_with(&format!("report: {}\n", path.display())), "{}", run.stderr);
    }
    let html = fs::read_to_string(&one).expect("written");
    assert_eq!(html, fs::read_to_string(&two).expect("written"), "the same, whatever the threads");
    for part in [
        "<th scope=\"row\">T=1.3,top_k=5</th>",
        "temperature(1.3) | top-k(5)",
        "verse · greedy",
        "role=\"tooltip\"",
        "<div class=\"dark\"><svg ",
        "kelvin compare ROMEO: -s greedy -s T=1.3,top_k=5 -n 4 --max-new-tokens 12 --seed 1",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let html = html.replace("http://www.w3.org/2000/svg", ""); // a name, not a place
    for reach in ["<script", "http:", "https:", "src="] {
        assert!(!html.contains(reach), "{reach}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_said() {
    let run = compare(&["--report", "/no/such/folder/x.html"]);
    assert_eq!(run.code, 1);
    let told = "error: cannot write the report /no/such/folder/x.html\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(run.stdout.contains("distinct-2"), "the table is there");
}

#[test]
fn a_sweep_leaves_its_page_in_the_folder() {
    let folders = ["a", "b"].map(|name| folder(&format!("sweep-{name}")));
    for folder in &folders {
        let args = ["sweep", "The king", "-g", "temperature=0.5,1.5", "-n", "3", "--top-p", "0.9"];
        let dir = folder.join("out");
        let rest = ["--max-new-tokens", "8", "--seed", "3", "-o", &dir.to_string_lossy()];
        let run = kelvin(&[&args[..], &rest].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let [a, b] =
        folders.map(|folder| fs::read_to_string(folder.join("out/report.html")).expect("written"));
    assert_eq!(a, b, "the same sweep, the same page");
    for part in [
        "Sweep of temperature",
        "temperature(1.5) | top-p(0.9)",
        "temperature, top-p: flag",
        "kelvin sweep &#39;The king&#39; -g temperature=0.5,1.5 --top-p=0.9 -n 3 --max-new-tokens 8 --seed 3 -o DIR",
    ] {
        assert!(a.contains(part) || a.contains(&part.replace("&#39;", "'")), "{part}");
    }
}
