//! Reports of comparisons and sweeps: whole, self-contained, the same bytes each time.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binary::{Run, command, kelvin, run};
use crate::tiny::Tiny;

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
        "kelvin sweep &#39;The king&#39; -g temperature=0.5,1.5 --top-p 0.9 -n 3 --max-new-tokens 8 --seed 3 -o DIR",
    ] {
        assert!(a.contains(part) || a.contains(&part.replace("&#39;", "'")), "{part}");
    }
}

/// The command that a page prints.
fn printed(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("kelvin {name} ")).expect("a command");
    let (arguments, _) = rest.split_once("</code>").expect("it ends");
    let plain = arguments.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    format!("\"$KELVIN\" {name} {}", plain.replace("&amp;", "&"))
}

/// Runs what a page prints in a folder, as a shell does.
#[cfg(unix)]
fn repeat(folder: &Path, line: &str) {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.env_clear().envs(command().get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(folder).env("KELVIN", env!("CARGO_BIN_EXE_kelvin")).args(["-c", line]);
    let again = run(&mut shell, "");
    assert_eq!(again.code, 0, "{line}: {}", again.stderr);
}

#[cfg(unix)]
#[test]
fn the_printed_command_of_a_comparison_gives_its_page() {
    let folder = folder("printed-compare");
    fs::write(folder.join("it's.txt"), "the cat sat on the mat").expect("written");
    fs::write(folder.join("p.jsonl"), "\"JULIET:\\n\"").expect("written");
    let args =
        ["-s", "T=1.3", "-s", "greedy", "-n", "3", "--max-new-tokens", "6", "--dtype", "q8_0"];
    let more = ["--activations", "f32", "--parse-special", "--independent", "--stop", "\n\n"];
    let last = ["--reference", "it's.txt", "--prompts", "p.jsonl", "--metrics", "length,kept"];
    let mut compare = command();
    compare.current_dir(&folder).arg("compare").args(args).args(more).args(last);
    let first = run(compare.args(["--threads", "2", "--report", "one.html", "--", "-R's"]), "");
    assert_eq!(first.code, 0, "{}", first.stderr);
    let page = fs::read_to_string(folder.join("one.html")).expect("written");
    let line = printed(&page, "compare");
    for flag in ["--dtype", "--activations", "--parse-special", "--reference", "--report FILE"] {
        assert!(line.contains(flag), "{flag}: {line}");
    }
    repeat(&folder, &line);
    assert!(page == fs::read_to_string(folder.join("FILE")).expect("written"), "{line}");
}

#[cfg(unix)]
#[test]
fn the_printed_command_of_a_sweep_gives_its_page() {
    const TEMPLATE: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
    let model = Tiny { template: Some(TEMPLATE), ..Tiny::default() }.write("report-printed");
    let model = model.join("tiny.gguf");
    let model = model.to_str().expect("UTF-8");
    for (at, more) in [
        &["--stream", "5", "--dtype", "f16", "--activations", "f32", "--parse-special"][..],
        &["--couple", "--chat", "--system", "it's", "--date", "2024-07-26", "-m", model],
        &["--shard", "1/2", "--greedy", "--raw", "--stop=-"],
    ]
    .iter()
    .enumerate()
    {
        let folder = folder(&format!("printed-sweep-{at}"));
        let args = ["sweep", "a king", "so", "-g", "top-k=3,9", "-n", "3", "--max-new-tokens", "4"];
        let mut sweep = command();
        sweep.current_dir(&folder).args(args).args(*more).args(["-o", "out", "--threads", "1"]);
        let first = run(&mut sweep, "");
        assert_eq!(first.code, 0, "{}", first.stderr);
        let page = fs::read_to_string(folder.join("out/report.html")).expect("written");
        let line = printed(&page, "sweep");
        repeat(&folder, &line);
        let again = fs::read_to_string(folder.join("DIR/report.html")).expect("written");
        assert!(page == again, "{line}");
    }
}
