//! `kelvin chat`, `generate --chat` and `next --chat`, on a small random model with a template.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::binary::{Run, command, run};
use crate::tiny::Tiny;

/// Each turn begins with BOS and the first letter of its role, and ends with EOS.
const TEMPLATE: &str = "{% for m in messages %}{{ bos_token }}{{ m.role[0] }}{{ m.content }}{{ eos_token }}{% endfor %}\
                        {% if add_generation_prompt %}{{ bos_token }}a{% endif %}";

/// Greedy and short, so that answers are letters that a test can read again.
const FLAGS: &str =
    "--seed 4 --temperature 1.3 --allowed-tokens 259,260,261,262,263 --max-new-tokens 9";

/// `<s>shi</s><s>uab</s><s>a`, as tokens.
const PROMPT: [u32; 12] = [1, 277, 266, 267, 2, 1, 279, 259, 260, 2, 1, 259];

fn folder(name: &str) -> PathBuf {
    Tiny { template: Some(TEMPLATE), ..Tiny::default() }.write(name)
}

fn kelvin(folder: &Path, args: &str) -> Command {
    let mut command = command();
    command.env("KELVIN_MODELS", folder).args(args.split_whitespace());
    command
}

/// Runs a conversation of these lines.
fn chat(folder: &Path, flags: &str, lines: &str) -> Run {
    run(&mut kelvin(folder, &format!("chat -m tiny {FLAGS} {flags}")), lines)
}

fn answers(run: &Run) -> Vec<&str> {
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout.lines().collect()
}

fn objects(run: &Run, kind: &str) -> Vec<Value> {
    let lines = run.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    lines.filter(|line: &Value| line["type"] == kind).collect()
}

#[test]
fn a_prompt_is_answered_once_like_generate_does() {
    let folder = folder("chat-once");
    let once = run(kelvin(&folder, &format!("chat -m tiny {FLAGS}")).arg("a b"), "");
    let generated =
        run(kelvin(&folder, &format!("generate --chat -m tiny {FLAGS}")).arg("a b"), "");
    assert_eq!((once.code, &once.stdout), (0, &generated.stdout), "{}", once.stderr);
    assert_eq!(once.stdout.len(), 10, "nine letters and a line end: {:?}", once.stdout);
    let piped = run(&mut kelvin(&folder, &format!("chat -m tiny {FLAGS} -")), "a b");
    assert_eq!(piped.stdout, once.stdout);
    assert!(once.stderr.contains(" · 8 prompt tokens · "), "{}", once.stderr);
}

#[test]
fn json_lines_are_those_of_generate_and_name_the_conversation() {
    let folder = folder("chat-json");
    let flags = format!("chat -m tiny {FLAGS} --json --system hi");
    let run = run(kelvin(&folder, &flags).arg("ab"), "");
    let header = &objects(&run, "header")[0];
    let messages = json!([{"role": "system", "content": "hi"}, {"role": "user", "content": "ab"}]);
    assert_eq!(header["chat"]["messages"], messages);
    assert_eq!(header["chat"]["prompt"], "<s>shi</s><s>uab</s><s>a");
    assert_eq!(header["chat"]["template"], "the model's own");
    assert_eq!(header["prompt_ids"], json!(PROMPT), "BOS once");
    assert_eq!(objects(&run, "done")[0]["prompt_ids"], header["prompt_ids"]);
}

#[test]
fn what_a_message_spells_is_text_unless_asked_for() {
    let folder = folder("chat-special");
    let ids = |more: &str| {
        let flags = format!("chat -m tiny {FLAGS} --json {more}");
        let run = run(kelvin(&folder, &flags).arg("</s>"), "");
        objects(&run, "header")[0]["prompt_ids"].as_array().expect("ids").clone()
    };
    let count = |ids: Vec<Value>| ids.iter().filter(|id| **id == json!(2)).count();
    assert_eq!((count(ids("")), count(ids("--parse-special"))), (1, 2));
}

/// Each answer of a conversation, cache and all, is that of the same conversation asked at once.
#[test]
fn a_conversation_says_what_one_prompt_of_it_says() {
    let folder = folder("chat-same");
    let lines = ["ab", "cd", "", "dd\\", "e"].join("\n");
    let run = chat(&folder, "--json", &lines);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (headers, dones) = (objects(&run, "header"), objects(&run, "done"));
    assert_eq!((headers.len(), dones.len()), (3, 3), "an empty line is no message");
    assert_eq!(headers[2]["chat"]["messages"][4]["content"], "dd\ne");
    for (turn, (header, done)) in headers.iter().zip(&dones).enumerate() {
        assert_eq!((&header["prompt"], &header["sample"]), (&json!(turn), &json!(0)));
        let prompt = header["chat"]["prompt"].as_str().expect("a text");
        let flags = format!("generate -m tiny {FLAGS} --json --parse-special");
        let alone = crate::binary::run(kelvin(&folder, &flags).arg(prompt), "");
        let alone = objects(&alone, "done").remove(0);
        assert_eq!(alone["prompt_ids"], done["prompt_ids"], "turn {turn}");
        assert_eq!(alone["token_ids"], done["token_ids"], "turn {turn}");
    }
    let plain = chat(&folder, "", &lines);
    let texts: Vec<&str> =
        dones.iter().map(|done| done["text"].as_str().expect("a text")).collect();
    assert_eq!(answers(&plain), texts);
}

#[test]
fn retry_is_the_next_sample_and_edit_another_message() {
    let folder = folder("chat-retry");
    let run = chat(&folder, "", "ab\n/retry\n/retry\n/edit ab\n/retry\n/history");
    let said = answers(&run);
    assert_eq!((said.len(), said[3], said[4]), (5, said[0], said[1]));
    assert!(said[0] != said[1] && said[1] != said[2], "{said:?}");
    assert!(run.stderr.ends_with(&format!("user: ab\nassistant: {}\n", said[1])), "{}", run.stderr);
    let flags = format!("generate --chat -m tiny {FLAGS} -n 3 --json ab");
    let samples = objects(&crate::binary::run(&mut kelvin(&folder, &flags), ""), "done");
    let mut samples: Vec<(u64, String)> = samples
        .iter()
        .map(|done| (done["sample"].as_u64().expect("a count"), done["text"].to_string()))
        .collect();
    samples.sort();
    let samples: Vec<String> = samples.into_iter().map(|(_, text)| text.replace('"', "")).collect();
    assert_eq!(said[..3], samples, "the samples of generate -n 3");
}

#[test]
fn undo_and_clear_go_back_and_the_answer_is_the_same_again() {
    let folder = folder("chat-undo");
    let run = chat(&folder, "--system hi", "ab\ncd\n/undo\ncd\n/clear\nab\n/undo\n/undo\n");
    assert_eq!(run.code, 2, "the last /undo found nothing");
    let said: Vec<&str> = run.stdout.lines().collect();
    assert_eq!((said[2], said[3]), (said[1], said[0]), "the system message stayed");
    assert!(run.stderr.contains("took back: cd\n"), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("error: /undo: nothing has been answered yet\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn settings_change_and_a_bad_one_changes_nothing() {
    let folder = folder("chat-set");
    let lines = "ab\n/undo\n/set temperature 0\n/set top_k off\nab\n/set temperature default\n/undo\nab\n\
                 /set temperature -1\n/set topp 0.9\n/set temprature 1\n/set model x\n/set seed 9\n/settings";
    let run = chat(&folder, "", lines);
    let said: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_ne!(said[0], said[1]);
    for told in [
        "allowed-tokens(259, 260, 261, 262, 263), max-new-tokens(9): flag · temperature(0): /set · all else off: built-in · seed 4\n",
        "top-k(off): /set",
        "error: temperature: T = -1 is outside",
        "error: no setting \"topp\"\n\nhint: did you mean top-p?, or /settings lists what is set\n",
        "hint: did you mean temperature?",
        "error: model cannot change in a conversation\n\nhint: /quit, and give it as a flag\n",
    ] {
        assert!(run.stderr.contains(told), "{told}\n--- in\n{}", run.stderr);
    }
    let last = run.stderr.lines().rev().take(2).collect::<Vec<_>>();
    assert!(last[1].ends_with(" · dialect native · seed 9"), "{last:?}");
    let flags = FLAGS.replace("--temperature 1.3", "--temperature 0 --top-k off");
    let again = crate::binary::run(&mut kelvin(&folder, &format!("chat -m tiny {flags}")), "ab");
    assert_eq!(answers(&again)[0], said[1], "as if it had been a flag");
}

#[test]
fn commands_that_are_none_suggest_the_nearest() {
    let folder = folder("chat-commands");
    let run = chat(&folder, "", "/hlep\n//a\n/edit\n/quit\nnever read");
    assert_eq!((run.code, run.stdout.lines().count()), (2, 1), "{}", run.stderr);
    for told in [
        "error: no command \"hlep\"\n\nhint: did you mean help?, or //… for a message that begins with /\n",
        "error: /edit: there is no terminal to edit on\n\nhint: /edit TEXT gives the new text\n",
    ] {
        assert!(run.stderr.contains(told), "{told}\n--- in\n{}", run.stderr);
    }
}

#[test]
fn the_system_message_and_the_raw_prompt_are_shown() {
    let folder = folder("chat-system");
    let run = chat(
        &folder,
        "--system hi -q",
        "/raw\nab\n/system\n/raw\n/system b b\n/raw\nab\n/raw\n/system off\n/clear\n/raw",
    );
    let said: Vec<&str> = run.stdout.lines().collect();
    assert_eq!((run.code, said.len()), (2, 2), "{}", run.stderr);
    let first = format!("<s>shi</s><s>uab</s><s>a{}", said[0]);
    let second = format!("<s>sb b</s><s>uab</s><s>a{}</s><s>uab</s><s>a{}", said[0], said[1]);
    let nothing = "error: /raw: nothing has been said yet";
    let told: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(told, [nothing, &first, &first, &second, nothing]);
}

#[test]
fn the_system_message_is_shown() {
    let folder = folder("chat-system-shown");
    let lines = "/system\n/system b b\n/system off\n/system";
    let run = chat(&folder, "--system hi", lines);
    let told: Vec<&str> = run.stderr.lines().skip(2).collect();
    let none = "system: no system message";
    assert_eq!(told, ["system: hi", "system: b b", none, none]);
}

#[test]
fn a_conversation_is_saved_and_nothing_is_overwritten() {
    let folder = folder("chat-save");
    let file = folder.join("saved.jsonl");
    fs::remove_file(&file).ok();
    let taken = folder.join("tiny.gguf");
    let (file_name, taken) = (file.display(), taken.display());
    let lines = format!(
        "ab\n/save {file_name}\n/clear\ncd\n/save {file_name}\n/save {taken}\n/save /no/such/x"
    );
    let run = chat(&folder, "", &lines);
    assert_eq!(run.code, 1, "the folder is not there: {}", run.stderr);
    assert!(run.stderr.contains("tiny.gguf exists\n\nhint: name another\n"), "{}", run.stderr);
    let saved = fs::read_to_string(&file).expect("saved");
    let said: Vec<&str> = run.stdout.lines().collect();
    let expected = format!(
        "{{\"role\":\"user\",\"content\":\"cd\"}}\n{{\"role\":\"assistant\",\"content\":\"{}\"}}\n",
        said[1]
    );
    assert_eq!(saved, expected);
    assert_eq!(chat(&folder, "", &format!("/save {file_name}")).code, 2, "of another run");
}

#[test]
fn a_full_context_says_both_numbers_and_the_conversation_goes_on() {
    let folder =
        Tiny { template: Some(TEMPLATE), context: 40, ..Tiny::default() }.write("chat-full");
    let long = "a".repeat(50);
    let run = chat(&folder, "", &format!("ab\n{long}\ncd\n/history"));
    assert_eq!((run.code, run.stdout.lines().count()), (2, 2), "{}", run.stderr);
    let expected = "error: the conversation has 72 tokens and leaves no room in the context of 40\n\n\
                    hint: /undo takes back the last exchange, /clear begins anew, or /set context-shift on \
                    goes on beyond it\n";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(!run.stderr.contains("aaaa\n"), "what was not answered was not said: {}", run.stderr);
    assert!(run.stderr.contains(" · context 16 of 40\n"), "{}", run.stderr);
    let shifted = chat(&folder, "--context-shift", &format!("ab\n{long}\ncd"));
    assert_eq!(answers(&shifted).len(), 3);
    let footers = shifted.stderr.lines().filter_map(|line| line.split_once(" · context "));
    let in_view: Vec<&str> =
        footers.filter_map(|(_, shown)| shown.strip_suffix(" of 40")).collect();
    assert!(in_view.len() == 3 && in_view.iter().all(|n| n.parse::<u32>().is_ok_and(|n| n <= 40)));
    let set = chat(&folder, "", &format!("ab\n/set context-shift on\n{long}\ncd"));
    assert_eq!(answers(&set), answers(&shifted), "as if it had been a flag");
}

#[test]
fn a_template_may_refuse_and_the_conversation_is_as_it_was() {
    let template = "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('not that word') }}{% endif %}\
                    {{ m.content }}{% endfor %}{% if add_generation_prompt %}a{% endif %}";
    let folder = Tiny { template: Some(template), ..Tiny::default() }.write("chat-refuse");
    let run = chat(&folder, "", "ab\nno\n/raw");
    let said = run.stdout.trim_end();
    assert_eq!(run.code, 2, "{}", run.stderr);
    let refused = "error: the chat template refuses the conversation: not that word\n";
    assert!(run.stderr.contains(refused), "{}", run.stderr);
    assert!(run.stderr.ends_with(&format!("\naba{said}\n")), "{}", run.stderr);
}

#[test]
fn a_model_without_a_template_says_what_helps() {
    let folder = Tiny::default().write("chat-none");
    for args in
        ["chat -m tiny", "chat -m tiny ab", "generate --chat -m tiny ab", "next --chat -m tiny ab"]
    {
        let refused = run(&mut kelvin(&folder, &format!("{args} -q --greedy")), "ab");
        let expected = "error: tiny has no chat template: it was made to continue text, not to converse\n\n\
                        hint: kelvin generate continues text; -m takes a model made for chat; \
                        --chat-template FILE gives a template\n";
        assert_eq!((refused.code, refused.stderr.as_str()), (2, expected), "{args}");
    }
    fs::write(folder.join("own.jinja"), TEMPLATE).expect("writable");
    let own = folder.join("own.jinja").display().to_string();
    let run =
        run(kelvin(&folder, &format!("chat -m tiny {FLAGS} ab --chat-template")).arg(&own), "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains(&format!(" · chat template {own} · ")), "{}", run.stderr);
}

#[test]
fn what_is_no_template_says_why() {
    let folder = folder("chat-no-template");
    let refused = |name: &str| {
        let flags = format!("chat -m tiny ab -q --greedy --chat-template {name}");
        let refused = run(&mut kelvin(&folder, &flags), "");
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{}", refused.stderr);
        refused.stderr
    };
    let none = "error: rag: no such file, nor a chat template of tiny of that name\n";
    assert_eq!(refused("rag"), none);
    let large = folder.join("large.jinja").display().to_string();
    fs::write(&large, "a".repeat(2_000_000)).expect("writable");
    let expected = format!("error: {large}: more than 1048576 bytes are no chat template\n");
    assert_eq!(refused(&large), expected);
}

#[test]
fn a_template_that_makes_nothing_is_named() {
    let tiny = Tiny { template: Some("{# nothing #}"), add_bos: false, ..Tiny::default() };
    let refused = run(&mut kelvin(&tiny.write("chat-empty"), "chat -m tiny ab -q --greedy"), "");
    let expected = "error: the chat template made an empty prompt\n\n\
                    hint: --chat-template FILE gives another\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (3, expected));
}

#[test]
fn more_than_any_conversation_has_is_refused_and_a_bad_line_is_one_line() {
    let folder = folder("chat-long");
    let long = "a".repeat((4 << 20) + 1);
    let told = "has more than 4194304 bytes, the most of a conversation\n";
    let once = run(&mut kelvin(&folder, "chat -m tiny -q --greedy -"), &long);
    assert_eq!((once.code, once.stderr), (2, format!("error: stdin {told}")));
    let lines = chat(&folder, "-q", &format!("{long}\nab\n"));
    assert_eq!((lines.code, lines.stdout.lines().count()), (2, 1));
    assert_eq!(lines.stderr, format!("error: line 1: a line {told}"));
}

#[test]
fn what_is_set_is_shown_and_confirmed() {
    let folder = folder("chat-shown");
    let lines = "/set stop c d\n/set show 2\n/set show x\n/set show off\n/set greedy no\n/settings";
    let run = chat(&folder, "", lines);
    for told in [
        "max-new-tokens(9): flag · stop(\"c d\"): /set · ",
        "show(2)",
        "error: show: \"x\" is no value of it: invalid digit found in string\n\n\
         hint: /set show default takes it away\n",
        "error: greedy: \"no\" is neither on nor off\n\nhint: /set greedy on, /set greedy off\n",
    ] {
        assert!(run.stderr.contains(told), "{told}\n--- in\n{}", run.stderr);
    }
    let last = run.stderr.lines().next_back().expect("the settings");
    assert!(last.contains("max-new-tokens(9)") && last.contains("stop(\"c d\"): /set"), "{last}");
    assert!(!last.contains("show(") && !last.contains("greedy"), "{last}");
}

#[test]
fn retry_says_that_greedy_has_one_answer() {
    let folder = folder("chat-greedy");
    let hint = "hint: greedy has one answer; ";
    let run = chat(&folder, "--greedy", "ab\n/retry\n/set greedy off\n/retry");
    let said = answers(&run);
    assert!(said[0] == said[1] && said[1] != said[2], "{said:?}");
    assert_eq!(run.stderr.matches(hint).count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains(&format!("{hint}/set greedy off draws\n")), "{}", run.stderr);
}

/// Ctrl-C is heard between the pieces of a prompt: not one token is drawn.
#[test]
fn ctrl_c_ends_the_reading_of_a_prompt() {
    let tiny = Tiny { template: Some(TEMPLATE), context: 100_000, ..Tiny::default() };
    let mut child =
        kelvin(&tiny.write("chat-interrupt"), &format!("chat -m tiny {FLAGS} --json -"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
    let mut input = child.stdin.take().expect("stdin is piped");
    input.write_all("a".repeat(30_000).as_bytes()).expect("it reads");
    drop(input);
    let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut said = String::new();
    assert!(out.read_line(&mut said).expect("the header") > 0);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill is there").success());
    out.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let last: Value = serde_json::from_str(said.lines().last().expect("lines")).expect("JSON");
    assert_eq!((&last["type"], &last["finish_reason"]), (&json!("done"), &json!("interrupted")));
    assert_eq!(last["token_ids"], json!([]));
}

/// However a prompt is cut into pieces, its answer is the same.
#[test]
fn a_long_prompt_is_read_in_pieces() {
    let folder =
        Tiny { template: Some(TEMPLATE), context: 2000, ..Tiny::default() }.write("chat-pieces");
    let long = "ab".repeat(450);
    let piecewise = chat(&folder, "--json", &format!("{long}\nab"));
    let (at_once, shared) = (objects(&piecewise, "done"), long.split_at(200).0);
    let begun = chat(&folder, "--json", &format!("{shared}\n/undo\n{long}\nab"));
    let begun = objects(&begun, "done");
    assert_eq!(begun[1]["token_ids"], at_once[0]["token_ids"]);
    assert_eq!(begun[2]["token_ids"], at_once[1]["token_ids"]);
}

#[test]
fn a_broken_template_matters_only_to_conversations() {
    let folder = Tiny { template: Some("\n{% if"), ..Tiny::default() }.write("chat-broken");
    let plain = run(&mut kelvin(&folder, "generate -m tiny ab --greedy --max-new-tokens 2"), "");
    assert_eq!(plain.code, 0, "{}", plain.stderr);
    let broken = run(&mut kelvin(&folder, "chat -m tiny ab --greedy -q"), "");
    assert_eq!(broken.code, 3, "{}", broken.stderr);
    assert!(broken.stderr.contains("chat template, line 2: "), "{}", broken.stderr);
}

#[test]
fn the_date_is_a_flag() {
    let template = "{% if strftime_now is defined %}{{ strftime_now('%d%m') }}{% else %}x{% endif %}\
                    {{ messages[0].content }}";
    let folder = Tiny { template: Some(template), ..Tiny::default() }.write("chat-date");
    let prompt = |flags: &str| {
        let run = run(&mut kelvin(&folder, &format!("chat -m tiny {FLAGS} --json {flags} ab")), "");
        objects(&run, "header")[0]["chat"]["prompt"].as_str().expect("a text").to_owned()
    };
    assert_eq!((prompt(""), prompt("--date 2026-11-21")), ("xab".into(), "2111ab".into()));
    assert_ne!(prompt("--date today"), "xab");
    let header =
        run(&mut kelvin(&folder, &format!("chat -m tiny {FLAGS} ab --date 2024-02-29")), "");
    assert!(header.stderr.contains(" · date 2024-02-29 · "), "{}", header.stderr);
    let insists = Tiny { template: Some("{{ strftime_now('%Y') }}"), ..Tiny::default() };
    let refused =
        run(&mut kelvin(&insists.write("chat-insists"), "chat -m tiny ab -q --greedy"), "");
    let expected = "error: chat template, line 1: \"strftime_now\" asks for the date, and none was given\n\n\
                    hint: give it a date: --date today\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (3, expected));
}

#[test]
fn next_shows_how_an_answer_begins() {
    let folder = folder("chat-next");
    let answer =
        run(&mut kelvin(&folder, "next --chat -m tiny ab --json --seed 1 --system hi"), "").json();
    assert_eq!(answer["prompt_ids"], json!(PROMPT));
}

#[test]
fn flags_of_one_answer_are_no_flags_of_a_conversation() {
    let folder = folder("chat-flags");
    for (flag, name) in [("-n 2", "-n"), ("--echo", "--echo"), ("--history 3", "--history")] {
        let refused = chat(&folder, flag, "ab");
        let expected = format!("error: {name} goes with a PROMPT, not with a conversation\n\n");
        assert!(refused.stderr.starts_with(&expected), "{}", refused.stderr);
        assert_eq!(refused.code, 2);
    }
    let lonely = run(&mut kelvin(&folder, "generate -m tiny ab --system hi"), "");
    assert_eq!(lonely.code, 2, "{}", lonely.stderr);
}

#[test]
fn a_broken_model_fails_one_answer_and_not_the_conversation() {
    let folder =
        Tiny { template: Some(TEMPLATE), broken: true, ..Tiny::default() }.write("chat-nan");
    let run = run(&mut kelvin(&folder, "chat -m tiny --greedy -q"), "ab\ncd\n/history\n");
    assert_eq!(
        (run.code, run.stderr.matches("error: 286 logits").count()),
        (1, 2),
        "{}",
        run.stderr
    );
}
