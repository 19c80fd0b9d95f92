//! What goes wrong on the way, and what a user is told.

use std::fs;

use kelvin_lm::ErrorKind;
use kelvin_lm::hub::Cache;
use kelvin_lm::hub::pull::{Client, Event};

use super::server::{COMMIT, Fault, Repo};
use super::{Bench, bytes, environment, gpt2, quantised, sharded};

const GPT2: &str = "openai-community/gpt2";
const WEIGHTS: &str = "model.safetensors";

fn status(status: u16) -> Fault {
    Fault::Status(status, Vec::new())
}

fn coded(status: u16, code: &str) -> Fault {
    Fault::Status(status, vec![("x-error-code".to_owned(), code.to_owned())])
}

fn blob(bench: &Bench, ending: &str) -> std::path::PathBuf {
    let weights = gpt2().files.iter().find(|file| file.name == WEIGHTS).expect("weights").etag();
    bench.in_repo(GPT2, "blobs").join(format!("{weights}{ending}"))
}

#[test]
fn a_cut_connection_goes_on_where_it_ended() {
    let bench = Bench::new("cut", vec![gpt2()]);
    bench.hub.fault(WEIGHTS, Fault::Cut(100_000));
    bench.hub.fault(WEIGHTS, Fault::Cut(50_000));
    let (pulled, events) = bench.pull(GPT2);
    let snapshot = pulled.expect("the third connection holds");
    assert!(fs::read(snapshot.path().join(WEIGHTS)).expect("there") == bytes(1, 300_000));
    let ranges: Vec<String> = bench
        .hub
        .seen()
        .iter()
        .filter(|request| request.at_cdn)
        .map(|request| request.header("range").unwrap_or("all").to_owned())
        .collect();
    assert_eq!(ranges, ["all", "bytes=100000-", "bytes=150000-"]);
    let retries: Vec<&String> = events.iter().filter(|word| word.starts_with("retry")).collect();
    assert_eq!(retries.len(), 2);
    assert!(
        retries[0].contains("byte 100000") || retries[0].contains("100000 of 300000"),
        "{retries:?}"
    );
}

#[test]
fn patience_ends_and_the_next_pull_goes_on() {
    let bench = Bench::new("patience", vec![gpt2()]);
    for _ in 0..3 {
        bench.hub.fault(WEIGHTS, Fault::Cut(20_000));
    }
    let told = bench.refused(GPT2);
    assert!(told.contains("60000"), "{told}");
    assert_eq!(fs::metadata(blob(&bench, ".incomplete")).expect("kept").len(), 60_000);
    assert!(!bench.in_repo(GPT2, "refs/main").exists(), "main is not yet what it will be");
    let (pulled, events) = bench.pull(GPT2);
    assert!(pulled.is_ok());
    assert!(events.contains(&format!("begin {WEIGHTS} 60000")), "{events:?}");
    assert!(!blob(&bench, ".incomplete").exists());
}

#[test]
fn an_update_that_fails_leaves_what_was_there_in_use() {
    let bench = Bench::new("update", vec![gpt2()]);
    let before = bench.pulled(GPT2);
    bench.hub.change(GPT2, |repo| {
        repo.commit = "e".repeat(40);
        repo.files[4].bytes = bytes(9, 1000);
    });
    for _ in 0..3 {
        bench.hub.fault(WEIGHTS, Fault::Cut(0));
    }
    bench.refused(GPT2);
    let main =
        Cache::new(&bench.cache).snapshot(before.repo(), &"main".parse().expect("a revision"));
    assert_eq!(main, Some(before));
}

#[test]
fn wrong_bytes_are_named_with_both_checksums_and_removed() {
    let bench = Bench::new("wrong", vec![gpt2()]);
    let mut wrong = bytes(1, 300_000);
    wrong[299_999] ^= 1;
    bench.hub.fault(WEIGHTS, Fault::Bytes(wrong));
    let (pulled, _) = bench.pull(GPT2);
    let error = pulled.expect_err("another checksum");
    assert_eq!(error.kind(), ErrorKind::Network);
    // sha256sum of the same bytes, the last one changed and as they are
    let found = "0ff2b6c81e202679bc17bf728b58eb98dafc28e3678b80c8fdd83ae5dceea49f";
    assert!(
        blob(&bench, "")
            .ends_with("3aa963b5a40fbc2c154bfbb771ee9398a0b201d05a3d886df41c6e44b9753392")
    );
    let expected = blob(&bench, "").file_name().expect("a name").to_string_lossy().into_owned();
    let text = error.to_string();
    assert!(text.starts_with("model.safetensors: "), "{text}");
    assert!(text.ends_with(&format!("sha256 is {found}, expected {expected}")), "{text}");
    assert!(!blob(&bench, "").exists() && !blob(&bench, ".incomplete").exists());
    bench.pulled(GPT2);

    bench.hub.change(GPT2, |repo| repo.files[6].bytes = b"{\"version\": \"2.0\"}".to_vec());
    bench.hub.fault("tokenizer.json", Fault::Bytes(b"{\"version\": \"3.0\"}".to_vec()));
    let told = bench.refused(GPT2);
    assert!(told.contains("tokenizer.json: ") && told.contains("git blob sha1 is "), "{told}");
}

#[test]
fn a_damaged_beginning_is_fetched_again_once() {
    let bench = Bench::new("damaged", vec![gpt2()]);
    for _ in 0..3 {
        bench.hub.fault(WEIGHTS, Fault::Cut(1000));
    }
    bench.refused(GPT2);
    fs::write(blob(&bench, ".incomplete"), vec![0; 3000]).expect("ours");
    let (pulled, events) = bench.pull(GPT2);
    let snapshot = pulled.expect("the second time from the start");
    assert!(events.contains(&format!("restart {WEIGHTS}")), "{events:?}");
    assert!(fs::read(snapshot.path().join(WEIGHTS)).expect("there") == bytes(1, 300_000));
}

#[test]
fn a_blob_of_the_wrong_size_is_no_blob() {
    let bench = Bench::new("truncated", vec![gpt2()]);
    bench.pulled(GPT2);
    fs::write(blob(&bench, ""), b"cut by a full disk").expect("ours");
    bench.hub.seen();
    let snapshot = bench.pulled(GPT2);
    assert_eq!(bench.brought(), [WEIGHTS]);
    assert!(fs::read(snapshot.path().join(WEIGHTS)).expect("there") == bytes(1, 300_000));
}

#[test]
fn a_server_may_ignore_ranges() {
    let bench = Bench::new("ranges", vec![gpt2()]);
    bench.hub.fault(WEIGHTS, Fault::Cut(1000));
    bench.hub.fault(WEIGHTS, Fault::IgnoreRange);
    let (pulled, events) = bench.pull(GPT2);
    let snapshot = pulled.expect("the whole file from its start");
    assert!(events.contains(&format!("restart {WEIGHTS}")), "{events:?}");
    assert!(fs::read(snapshot.path().join(WEIGHTS)).expect("there") == bytes(1, 300_000));
}

#[test]
fn a_server_that_begins_anew_each_time_is_given_up() {
    let bench = Bench::new("anew", vec![gpt2()]);
    for _ in 0..3 {
        bench.hub.fault(WEIGHTS, Fault::CutWhole(1000));
    }
    let told = bench.refused(GPT2);
    assert!(told.contains("1000"), "{told}");
    assert_eq!(fs::metadata(blob(&bench, ".incomplete")).expect("kept").len(), 1000);
}

#[test]
fn a_range_that_the_server_refuses_begins_anew() {
    let bench = Bench::new("416", vec![gpt2()]);
    bench.hub.fault(WEIGHTS, Fault::Cut(1000));
    bench.hub.fault(WEIGHTS, status(416));
    let (pulled, events) = bench.pull(GPT2);
    pulled.expect("the third request brings all");
    assert!(
        events.contains(&"retry: the server does not go on at byte 1000".to_owned()),
        "{events:?}"
    );
    assert_eq!(fs::metadata(blob(&bench, "")).expect("there").len(), 300_000);
}

#[test]
fn more_bytes_than_announced_are_refused() {
    let bench = Bench::new("long", vec![gpt2()]);
    bench.hub.fault(WEIGHTS, Fault::Bytes(bytes(1, 300_001)));
    let told = bench.refused(GPT2);
    assert!(
        told.contains("model.safetensors: the server sends more than the 300000 bytes expected"),
        "{told}"
    );
    assert_eq!(fs::metadata(blob(&bench, ".incomplete")).expect("emptied").len(), 0);
}

#[test]
fn encoded_bytes_are_refused() {
    let bench = Bench::new("encoded", vec![gpt2()]);
    bench.hub.fault("tokenizer.json", Fault::Header("content-encoding", "gzip"));
    assert!(bench.refused(GPT2).contains("\"gzip\" encoded bytes"));
}

#[test]
fn trouble_of_the_server_is_waited_out_and_then_told() {
    let bench = Bench::new("trouble", vec![gpt2()]);
    for ending in ["revision/main", "config.json", WEIGHTS] {
        bench.hub.fault(ending, status(503));
        bench.hub.fault(ending, status(429));
    }
    bench.pulled(GPT2);
    for code in [500, 502, 503, 504, 429] {
        for _ in 0..3 {
            bench.hub.fault("revision/main", status(code));
        }
        let told = bench.refused(GPT2);
        assert!(told.contains(&format!("({code})")), "{told}");
    }
}

/// The host that keeps large files knows nothing of repositories and tokens.
#[test]
fn a_refusal_of_the_download_host_is_its_own_and_may_pass() {
    let bench = Bench { token: "hf_any", ..Bench::new("elsewhere", vec![gpt2()]) };
    let signed = format!("{}/{WEIGHTS}", blob(&bench, "").file_name().expect("a name").display());
    for code in [400, 403, 404] {
        bench.hub.fault(&signed, status(code));
        bench.hub.fault(&signed, coded(code, "GatedRepo"));
        let (pulled, events) = bench.pull(GPT2);
        pulled.expect("the third link holds");
        let host = bench.hub.cdn().trim_start_matches("http://").to_owned();
        let told = format!("{host}, where the hub keeps {WEIGHTS}, answers {code}");
        let retries = events.iter().filter(|word| **word == format!("retry: {told}"));
        assert_eq!(retries.count(), 2, "{events:?}");
        fs::remove_dir_all(bench.in_repo(GPT2, "")).expect("ours");
        for _ in 0..3 {
            bench.hub.fault(&signed, status(code));
        }
        let hint = "pull again; if it persists, a proxy or firewall is in between";
        assert_eq!(bench.refused(GPT2), format!("{told}\n\n{hint}"));
        fs::remove_dir_all(bench.in_repo(GPT2, "")).expect("ours");
    }
}

#[test]
fn a_pause_that_the_server_asks_for_is_waited_or_told() {
    let later = |code: u16, pause: &str| {
        Fault::Status(code, vec![("retry-after".to_owned(), pause.to_owned())])
    };
    let bench = Bench::new("later", vec![gpt2()]);
    let pauses = |fault: Fault| {
        let mut pauses = Vec::new();
        bench.hub.fault("revision/main", fault);
        let name = GPT2.parse().expect("a name");
        let planned = bench.client().plan(&name, &mut |event| match event {
            Event::Retry { pause, .. } => pauses.push(pause.as_secs()),
            other => unreachable!("{other:?}"),
        });
        (planned, pauses)
    };
    for (fault, expected) in [
        (later(429, "1"), 1),
        (later(503, " 1 "), 1),
        (later(429, "Wed, 21 Oct 2015 07:28:00 GMT"), 0),
        (later(429, "-1"), 0),
        (status(503), 0),
    ] {
        let (planned, pauses) = pauses(fault);
        planned.expect("the second answer is one");
        assert_eq!(pauses, [expected]);
    }
    let (planned, pauses) = pauses(later(429, "61"));
    let error = planned.expect_err("too long to wait");
    assert!(pauses.is_empty());
    assert!(error.to_string().ends_with("too many requests (429)"), "{error}");
    assert_eq!(error.way_out(), Some("pull again in 61 s, as it asks"));
}

#[test]
fn who_sends_a_token_is_not_told_to_send_one() {
    let mut bench = Bench::new("limited", vec![gpt2()]);
    bench.tries = 1;
    let told = |bench: &Bench| {
        bench.hub.fault("revision/main", status(429));
        bench.refused(GPT2)
    };
    assert!(told(&bench).ends_with("wait some minutes; with HF_TOKEN set the hub allows more"));
    bench.token = "hf_any";
    assert!(told(&bench).ends_with("\nwait some minutes"));
}

#[test]
fn a_gated_repository_says_how_one_gets_in() {
    let mut repo = gpt2();
    repo.gate = Some("hf_right".to_owned());
    let mut bench = Bench::new("gated", vec![repo]);
    let told = bench.refused(GPT2);
    assert!(told.contains("openai-community/gpt2 is gated"), "{told}");
    let page = format!("accept its terms at {}/{GPT2}, then set HF_TOKEN", bench.hub.endpoint);
    assert!(told.contains(&page), "{told}");
    let words = "Nothing here. ".repeat(15);
    assert!(told.contains(&format!("the hub says: {}\n", &words[..200])), "{told}");
    bench.token = "hf_wrong";
    let told = bench.refused(GPT2);
    assert!(told.contains("the token from HF_TOKEN has no access"), "{told}");
    assert!(!told.contains("hf_wrong"), "{told}");
}

#[test]
fn what_the_hub_does_not_have_is_said_with_its_name() {
    let mut bench = Bench::new("absent", vec![gpt2()]);
    let told = bench.refused("openai-community/gpt5");
    assert!(told.contains("has no public repository openai-community/gpt5 (401)"), "{told}");
    assert!(told.contains("HF_TOKEN"), "{told}");
    let told = bench.refused("openai-community/gpt2@v9");
    assert!(told.contains("openai-community/gpt2 has no revision \"v9\""), "{told}");
    bench.hub.fault("revision/main", coded(403, ""));
    assert!(bench.refused(GPT2).contains("does not let us read openai-community/gpt2 (403)"));
    bench.hub.fault("revision/main", status(418));
    assert!(bench.refused(GPT2).contains("answers 418"));
    bench.token = "hf_any";
    let told = bench.refused("openai-community/gpt5");
    assert!(
        told.contains("no repository openai-community/gpt5 for the token from HF_TOKEN (404)"),
        "{told}"
    );
    let error = bench.pull("openai-community/gpt5").0.expect_err("absent");
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(fs::read_dir(&bench.cache).expect("a folder").next().is_none(), "nothing was written");
}

#[test]
fn a_file_that_vanished_between_list_and_fetch_is_named() {
    let bench = Bench::new("vanished", vec![gpt2()]);
    bench.hub.fault(WEIGHTS, coded(404, "EntryNotFound"));
    assert!(bench.refused(GPT2).contains("lists model.safetensors, but does not have it (404)"));
}

#[test]
fn pickled_weights_are_never_fetched() {
    let repo = Repo::new(
        "org/pickled",
        &[("config.json", b"{}"), ("tokenizer.json", b"{}"), ("pytorch_model.bin", b"\x80\x02")],
    );
    let bench = Bench::new("pickled", vec![repo]);
    let told = bench.refused("org/pickled");
    assert!(told.contains("reading a pickle can run code"), "{told}");
    assert!(told.contains("org/pickled@refs/pr/N"), "{told}");
    assert!(bench.brought().is_empty());
}

#[test]
fn a_hint_keeps_what_was_right_of_the_name() {
    let mut repos = [
        gpt2(),
        quantised(),
        Repo::new("org/parts", &[("x-00001-of-00002.gguf", b"x"), ("x-00002-of-00002.gguf", b"x")]),
    ];
    for repo in &mut repos {
        repo.revisions.push("dev".to_owned());
    }
    let bench = Bench::new("hints", repos.into());
    for (name, hint) in [
        ("openai-community/gpt2:Q9", "leave :Q9 out, as the weights are safetensors: NAME"),
        ("openai-community/gpt2@dev:Q9", "leave :Q9 out, as the weights are safetensors: NAME@dev"),
        ("org/quantised-GGUF", "name one: NAME:FILE, or the end of its name"),
        ("org/quantised-GGUF@dev", "name one: NAME@dev:FILE, or the end of its name"),
        ("org/quantised-GGUF@dev:Q9", "name one: NAME@dev:FILE, or the end of its name"),
        ("org/parts", "name one: NAME:FILE, or the end of its name"),
        (
            "org/parts:x-00001-of-00002.gguf",
            "name a whole file, or join the parts with llama.cpp's llama-gguf-split --merge",
        ),
    ] {
        let repo = name.split(['@', ':']).next().expect("there is a first part");
        let expected = hint.replace("NAME", &format!("kelvin models pull {repo}"));
        let told = bench.refused(name);
        assert!(told.ends_with(&format!("\n{expected}")), "{told}");
    }
}

#[test]
fn an_incomplete_repository_is_refused_before_its_weights_come() {
    let repo = Repo::new("org/bare", &[("config.json", b"{}"), (WEIGHTS, b"x")]);
    let bench = Bench::new("bare", vec![repo, Repo::new("org/empty", &[("README.md", b"#")])]);
    assert!(bench.refused("org/bare").contains("there is no tokenizer.json beside the weights"));
    assert!(bench.refused("org/empty").contains("no model.safetensors and no GGUF file"));
    assert!(bench.brought().is_empty());
}

#[test]
fn a_model_that_does_not_run_here_is_refused_before_its_weights_come() {
    let bench = Bench::new("unknown", vec![gpt2()]);
    bench.hub.change(GPT2, |repo| repo.files[2].bytes = b"{\"model_type\": \"mamba\"}".to_vec());
    let told = bench.refused(GPT2);
    assert!(told.starts_with("openai-community/gpt2: ") && told.contains("mamba"), "{told}");
    assert!(told.contains("gpt2, llama"), "{told}");
    assert_eq!(bench.brought(), ["config.json"]);
    assert!(fs::read_dir(&bench.cache).expect("a folder").next().is_none());
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    for evil in ["../../evil.json", "/etc/evil.json", "a/../../evil.json", "a\\..\\evil.json"] {
        let mut repo = gpt2();
        repo.files[1].name = evil.to_owned();
        let bench = Bench::new("evil", vec![repo]);
        let told = bench.refused(GPT2);
        assert!(told.contains(&format!("{evil:?}, which leads out of its folder")), "{told}");
        assert!(fs::read_dir(&bench.cache).expect("a folder").next().is_none());
    }
    let mut repo = sharded();
    repo.files[2].bytes = br#"{"weight_map": {"a": "../../../evil.safetensors"}}"#.to_vec();
    let bench = Bench::new("evil-shard", vec![repo]);
    assert!(bench.refused("org/sharded").contains("leads out of its folder"));
}

#[test]
fn a_commit_or_tag_that_is_none_is_refused() {
    let bench = Bench::new("nonsense", vec![gpt2()]);
    bench.hub.change(GPT2, |repo| repo.commit = "../../../../etc".to_owned());
    assert!(bench.refused(GPT2).contains("has not 40 hexadecimal digits"));
    bench.hub.change(GPT2, |repo| repo.commit = COMMIT.to_owned());
    let tag = |value: &str| Fault::Status(200, vec![("etag".to_owned(), value.to_owned())]);
    for etag in ["\"../../../evil\"", "\"5d41402abc4b2a76b9719d911017c592\"", ""] {
        bench.hub.fault("config.json", tag(etag));
        assert!(bench.refused(GPT2).contains("gives config.json no checksum"), "{etag}");
    }
}

#[test]
fn redirects_end_and_lead_to_addresses_only() {
    let bench = Bench::new("redirects", vec![gpt2()]);
    let to = |place: &str| Fault::Status(302, vec![("location".to_owned(), place.to_owned())]);
    for place in ["file:///etc/passwd", "", "ftp://x/y", "x"] {
        bench.hub.fault("revision/main", to(place));
        assert!(bench.refused(GPT2).contains("which is no address to follow"), "{place}");
    }
    let itself = format!("/api/models/{GPT2}/revision/main");
    for _ in 0..8 {
        bench.hub.fault("revision/main", to(&itself));
    }
    assert!(bench.refused(GPT2).contains("redirects more than 8 times"));
}

#[test]
fn a_hub_that_is_not_there_is_told_with_what_to_check() {
    let folder = super::folder("unreachable");
    let cache = folder.to_str().expect("a plain path");
    // a port that was free a moment ago
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("free");
    let endpoint = format!("http://{port}");
    let client = Client::new(&environment(&[("HF_ENDPOINT", &endpoint), ("HF_HUB_CACHE", cache)]));
    let patience = kelvin_lm::hub::pull::Patience { tries: 2, pause: std::time::Duration::ZERO };
    let client = client.expect("an address").with_patience(patience);
    let error = client.plan(&GPT2.parse().expect("a name"), &mut |_| ()).expect_err("nobody there");
    assert_eq!(error.to_string(), format!("{port} cannot be reached"));
    assert!(error.way_out().expect("a hint").contains("HTTPS_PROXY"));
}

#[test]
fn offline_and_wrong_settings_are_told_before_anything_is_sent() {
    let told = |variables: &[(&str, &str)]| {
        Client::new(&environment(variables)).expect_err("no client").to_string()
    };
    assert_eq!(told(&[("HF_HUB_OFFLINE", "1")]), "HF_HUB_OFFLINE=1 forbids the network");
    assert!(
        told(&[("HF_ENDPOINT", "huggingface.co")]).contains("HF_ENDPOINT = \"huggingface.co\"")
    );
    assert!(told(&[("HF_TOKEN", "hf_ä")]).contains("the token from HF_TOKEN"));
    assert!(
        told(&[("HTTPS_PROXY", "http://me:secret@a b")]).starts_with("the proxy that HTTPS_PROXY")
    );
    assert!(!told(&[("HTTPS_PROXY", "http://me:secret@a b")]).contains("secret"));
    let secret = told(&[("HF_ENDPOINT", "https://ada:secret@hub.example")]);
    assert!(secret.starts_with("HF_ENDPOINT holds more than an address"), "{secret}");
    assert!(!secret.contains("secret"));
    let empty = super::folder("certificates").join("empty.pem");
    fs::write(&empty, "").expect("writable");
    let empty = empty.to_str().expect("a plain path");
    for variable in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let absent = told(&[(variable, "/no/such/file.pem")]);
        let expected =
            format!("/no/such/file.pem: the certificates that {variable} names cannot be read");
        assert_eq!(absent, expected);
        let expected = format!("{empty}: the file that {variable} names holds no certificate");
        assert_eq!(told(&[(variable, empty)]), expected);
    }
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_written_is_told_with_the_way_out() {
    let bench = Bench::new("unwritable", vec![gpt2()]);
    fs::write(bench.cache.join("models--openai-community--gpt2"), "a file in the way")
        .expect("ours");
    let error = bench.pull(GPT2).0.expect_err("no folder can be made");
    assert_eq!(error.kind(), ErrorKind::Write);
    assert!(error.way_out().expect("a hint").contains("HF_HUB_CACHE"));
    assert!(bench.brought().iter().all(|name| name == "config.json"), "{:?}", bench.brought());
}
