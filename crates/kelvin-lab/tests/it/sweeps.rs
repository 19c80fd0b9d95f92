//! Grids, journals and tables of sweeps.

use kelvin_lab::sweep::{
    CellSummary, Grid, JudgeId, Manifest, ModelId, PromptId, SCHEMA, Shard, Summary, journal,
};
use kelvin_lab::{Key, Sample};

fn manifest(grid: &[&str], n: u32, shard: &str) -> Manifest {
    let grid = Grid::parse(grid.iter().copied()).expect("a grid");
    let prompt = |text: &str, n_tokens| PromptId {
        text: text.to_owned(),
        n_tokens,
        hash: n_tokens as u64,
        stream: u64::MAX - n_tokens as u64,
    };
    let pipelines = (0..grid.n_cells()).map(|at| grid.label(at)).collect();
    Manifest {
        schema: SCHEMA.to_owned(),
        kelvin: "1".to_owned(),
        model: ModelId {
            name: "m".to_owned(),
            sha256: [("m.gguf", "0")].into_iter().collect(),
            dtype: "F32".to_owned(),
            activations: "int8".to_owned(),
            profile: "fast".to_owned(),
        },
        judge: None,
        grid,
        pipelines,
        prompts: vec![prompt("One", 3), prompt("Two, or \"three\"", 5)],
        n,
        seed: u64::MAX,
        max_new_tokens: 4,
        stop: Vec::new(),
        shard: shard.parse().expect("a shard"),
    }
}

/// A sample with as many tokens as its key says, none for some.
fn sample(key: Key) -> Sample {
    let n = (key.cell + key.prompt + key.sample as usize) % 4;
    let numbers = |scale: f64| (0..n).map(|at| scale / (at + 3) as f64).collect::<Vec<f64>>();
    Sample {
        text: format!("{key:?}\n→ \"text\""),
        token_ids: (0..n).map(|at| u32::MAX - u32::try_from(at % 2).expect("small")).collect(),
        finish: if n < 3 { "eos" } else { "length" }.to_owned(),
        raw_logprobs: numbers(-2.0),
        logprobs: numbers(-1.0),
        raw_entropies: numbers(1.1),
        entropies: numbers(0.1),
        kept: vec![7; n],
        ..Sample::new(key, 9)
    }
}

#[test]
fn a_grid_is_every_combination_in_a_stated_order() {
    let grid =
        Grid::parse(["temp=0.2:1:0.4;top_p=0.9,off", "repetition_penalty_last=64"]).expect("ok");
    let labels: Vec<String> = (0..grid.n_cells()).map(|at| grid.label(at)).collect();
    assert_eq!(
        labels,
        [
            "temperature=0.2 top-p=0.9 repetition-penalty-last=64",
            "temperature=0.2 top-p=off repetition-penalty-last=64",
            "temperature=0.6 top-p=0.9 repetition-penalty-last=64",
            "temperature=0.6 top-p=off repetition-penalty-last=64",
            "temperature=1 top-p=0.9 repetition-penalty-last=64",
            "temperature=1 top-p=off repetition-penalty-last=64",
        ]
    );
    let pipelines = ["pipeline=top-k(3) | greedy", "pipeline=temperature(0.5); x"];
    let grid = Grid::parse(pipelines).expect("two values");
    assert_eq!((grid.axes().len(), grid.label(1)), (1, "temperature(0.5); x".to_owned()));
    assert_eq!(Grid::parse([]).expect("nothing varies").n_cells(), 1);
}

#[test]
fn what_is_no_grid_is_told() {
    let told =
        |texts: &[&str]| Grid::parse(texts.iter().copied()).expect_err("no grid").to_string();
    let expected: [(&[&str], &str); 8] = [
        (&["temperatur=1"], "no parameter \"temperatur\"; did you mean temperature?"),
        (
            &["repetition-penalty-lst=1"],
            "no parameter \"repetition-penalty-lst\"; did you mean repetition-penalty-last?",
        ),
        (&["zzz=1"], "no parameter \"zzz\"; `kelvin stages` lists them"),
        (
            &["temperature"],
            "\"temperature\" is no part of a grid: NAME=VALUES, such as temperature=0.2:2.0:0.2 or top-p=0.8,0.9,1",
        ),
        (
            &["temperature=1", "temp=2"],
            "temperature is in the grid twice; give all its values together",
        ),
        (&["temperature=1,0.5,1.0"], "temperature has the value 1 twice"),
        (
            &["banned-tokens=1,2"],
            "banned-tokens takes a list of tokens; vary pipeline=TEXT instead",
        ),
        (
            &["top-k=1:200:1", "min-p=0:0.5:0.005"],
            "the grid has 200 × 101 = 20200 cells, at most 10000",
        ),
    ];
    for (texts, error) in expected {
        assert_eq!(told(texts), error);
    }
    for shard in ["1/10001", "", "0/3", "4/3", "1", "1/0", "-1/2", "1/2/3"] {
        assert!(shard.parse::<Shard>().is_err(), "{shard}");
    }
}

/// What is said of a manifest as JSON, changed so.
fn told_of(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let sound = manifest(&["temperature=1,2"], 2, "1/1").to_json();
    assert!(Manifest::read(&sound).is_ok());
    let mut json = serde_json::from_str(&sound).expect("JSON");
    change(&mut json);
    let error = Manifest::read(&json.to_string()).expect_err("no sweep has it");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let cause = cause.iter().filter_map(|cause| cause.split(" at line ").next());
    [&*error.to_string()].into_iter().chain(cause).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_manifest_that_no_sweep_has_is_refused() {
    use serde_json::json;
    let part = |index: u64, of: u64| told_of(|it| it["shard"] = json!({"index": index, "of": of}));
    for (index, of) in [(1, 0), (0, 1), (0, 0), (3, 2), (1, 1_000_000_000_000), (1, u64::MAX)] {
        let expected =
            format!("shard \"{index}/{of}\" is not i/n with 1 ≤ i ≤ n ≤ 10000, such as 3/16");
        assert_eq!(part(index, of), format!("not the manifest of a sweep: {expected}"));
    }
    let axis = |name: &str, n: u32| json!({"name": name, "values": (0..n).map(|at| at.to_string()).collect::<Vec<_>>()});
    let grid = |axes: Vec<serde_json::Value>| told_of(|it| it["grid"] = axes.into());
    let single = kelvin::stage::ALL.iter().filter(|info| !info.takes_list());
    let many = grid(single.map(|info| axis(info.name, 1000)).collect());
    assert!(many.ends_with(" × 1000 = beyond counting cells, at most 10000"), "{many}");
    let wrong = "not the manifest of a sweep: ";
    assert_eq!(grid(vec![axis("top-k", 0)]), format!("{wrong}top-k has no value"));
    let twice = grid(vec![axis("top-k", 2), axis("top-k", 2)]);
    assert_eq!(twice, format!("{wrong}top-k is in the grid twice; give all its values together"));
    let unknown = grid(vec![axis("0", 2); 64]);
    assert!(unknown.starts_with(&format!("{wrong}no parameter \"0\"")), "{unknown}");
    let alias = grid(vec![axis("top_k", 2)]);
    assert_eq!(alias, format!("{wrong}the grid has top_k, whose name is top-k"));
    assert_eq!(grid(vec![axis("top-k", 3)]), "a manifest of 3 cells and 2 policies");
    let expected =
        "2 cells × 2 prompts × 4294967295 samples are too many, at most 10000000 together";
    assert_eq!(told_of(|it| it["n"] = u32::MAX.into()), expected);
    let expected = "18446744073709551615 tokens are too many, at most 4294967295";
    assert_eq!(told_of(|it| it["prompts"][1]["n_tokens"] = u64::MAX.into()), expected);
    assert_eq!(told_of(|it| it["max_new_tokens"] = u64::MAX.into()), expected);
}

#[test]
fn shards_share_the_samples_out_and_each_knows_its_own() {
    let whole = manifest(&["temperature=1,2,3"], 3, "1/1");
    let all: Vec<Key> = whole.keys().collect();
    assert_eq!((all.len(), whole.n_samples()), (18, Some(18)));
    assert!(all.is_sorted());
    let mut joined = Vec::new();
    for index in 1..=4 {
        let shard = manifest(&["temperature=1,2,3"], 3, &format!("{index}/4"));
        let own: Vec<Key> = shard.keys().collect();
        assert!((4..=5).contains(&own.len()));
        assert!(all.iter().all(|&key| shard.has(key) == own.contains(&key)));
        assert_eq!(shard.whole(), whole);
        joined.extend(own);
    }
    joined.sort_unstable();
    assert_eq!(joined, all);
    let outside = [(3, 0, 0), (0, 2, 0), (0, 0, 3)];
    let outside = outside.map(|(cell, prompt, sample)| Key { cell, prompt, sample });
    assert!(outside.iter().all(|&key| !whole.has(key)));
}

#[test]
fn a_manifest_comes_back_and_says_what_is_different() {
    let one = manifest(&["temperature=1,2"], 3, "1/2");
    assert_eq!(Manifest::read(&one.to_json()).expect("it was written"), one);
    let mut other = Manifest { n: 4, ..manifest(&["temperature=1,3"], 3, "1/2") };
    other.prompts.pop();
    other.judge = Some(JudgeId { model: one.model.clone(), parse_special: true });
    let back = Manifest::read(&other.to_json()).expect("it was written");
    assert_eq!(back.judge, other.judge);
    let told = [
        "judge: none here, \"m\" there",
        "grid.0.values.1: \"2\" here, \"3\" there",
        "pipelines.1: \"temperature=2\" here, \"temperature=3\" there",
        "prompts: 2 here, 1 there",
        "n: 3 here, 4 there",
    ];
    assert_eq!(one.differences(&other), told);
    assert!(one.differences(&one).is_empty());
    let later = one.to_json().replace("kelvin.sweep/1", "kelvin.sweep/2");
    assert!(Manifest::read(&later).is_err() && Manifest::read("{}").is_err());
    let torn = Manifest { pipelines: Vec::new(), ..one };
    assert!(Manifest::read(&torn.to_json()).is_err());
}

/// The lines of a whole journal.
fn journal_of(manifest: &Manifest) -> Vec<String> {
    manifest.keys().map(|key| journal::line(&sample(key)).expect("finite")).collect()
}

#[test]
fn a_journal_cut_anywhere_keeps_its_whole_lines() {
    let manifest = manifest(&["temperature=1,2"], 2, "1/1");
    let lines = journal_of(&manifest);
    let bytes = lines.concat().into_bytes();
    for cut in 0..=bytes.len() {
        let index = journal::Index::of(&bytes[..cut], &manifest).expect("only its end is torn");
        let mut whole = 0;
        let n = lines.iter().take_while(|line| {
            whole += line.len();
            whole <= cut
        });
        let n = n.count();
        assert_eq!(index.n_samples(), n, "cut at {cut}");
        assert_eq!(index.len(), lines[..n].concat().len() as u64);
        for (key, line) in manifest.keys().zip(&lines[..n]) {
            let place = index.place(key).expect("it is there");
            let place = usize::try_from(place.start).expect("small")
                ..usize::try_from(place.end).expect("small");
            assert_eq!(&bytes[place], line.as_bytes());
            assert_eq!(journal::read(line).expect("it was written"), sample(key));
        }
    }
}

#[test]
fn a_journal_that_is_no_journal_of_this_sweep_is_refused() {
    let whole = manifest(&["temperature=1,2"], 2, "1/1");
    let lines = journal_of(&whole);
    let told = |bytes: &[u8]| {
        let index = journal::Index::of(bytes, &whole);
        index.expect_err("it is damaged").to_string()
    };
    let twice = [&lines[0][..], &lines[1], &lines[0]].concat();
    let key = "Key { cell: 0, prompt: 0, sample: 0 }";
    assert_eq!(told(twice.as_bytes()), format!("line 3: {key} is there twice"));
    let torn_inside = [&lines[0][..], &lines[1][..9], "\n", &lines[2]].concat();
    assert_eq!(told(torn_inside.as_bytes()), "line 2: not a sample");
    let foreign = journal::line(&sample(Key { cell: 2, prompt: 0, sample: 0 })).expect("finite");
    let told_foreign = told(foreign.as_bytes());
    assert!(told_foreign.ends_with("is no sample of this sweep"), "{told_foreign}");
    let zeros = [lines[0].as_bytes(), &[0; 500]].concat();
    let index = journal::Index::of(&zeros, &whole).expect("what a power cut leaves");
    assert_eq!(index.len(), lines[0].len() as u64);
    let uneven = lines[0].replace("\"kept\":[", "\"kept\":[1,");
    assert!(journal::read(&uneven.replace("1,]", "1]")).is_err());
    let infinite = Sample {
        logprobs: vec![f64::NEG_INFINITY],
        ..sample(Key { cell: 0, prompt: 0, sample: 1 })
    };
    assert!(journal::line(&infinite).is_err());
}

#[test]
fn a_summary_has_a_line_for_each_cell() {
    let manifest = manifest(&["temperature=1,2", "pipeline=x"], 2, "1/1");
    let of = |cell| {
        let keys = manifest.keys().filter(|key| key.cell == cell);
        let samples: Vec<Sample> = keys.map(sample).collect();
        CellSummary::of(&manifest, cell, &samples)
    };
    let summary = Summary { manifest: &manifest, cells: vec![of(0), of(1)] };
    // tokens 0 1 | 1 2, then 1 2 | 2 3
    assert_eq!(summary.cells.iter().map(|it| it.n_tokens).collect::<Vec<_>>(), [4, 8]);
    assert_eq!(summary.cells[1].metric("length"), Some(2.0));
    assert_eq!(summary.cells[1].finishes, [("eos".to_owned(), 3), ("length".to_owned(), 1)].into());
    let csv = summary.to_csv();
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!((columns.len(), columns[1]), (3, columns[0]));
    assert!(csv.starts_with("cell,temperature,pipeline,samples,tokens,distinct_1,"), "{csv}");
    assert!(csv.lines().nth(2).is_some_and(|line| line.starts_with("1,2,x,4,8,")), "{csv}");
    let json = summary.to_json();
    assert_eq!(json["cells"][1]["settings"]["temperature"], "2");
    assert_eq!(json["cells"][0]["finish"]["eos"], 4);
    let empty = CellSummary::of(&manifest, 0, &[]);
    assert_eq!((empty.n_samples, empty.metric("length")), (0, None));
}

#[cfg(feature = "parquet")]
mod tables {
    use kelvin_lab::sweep::tables::{write_samples, write_steps};
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;

    /// Each row as text, its columns with their names.
    fn rows(bytes: Vec<u8>) -> Vec<String> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a table");
        let rows = reader.get_row_iter(None).expect("rows");
        rows.map(|row| row.expect("readable").to_string()).collect()
    }

    fn written(manifest: &Manifest, samples: &[Sample]) -> [Vec<u8>; 2] {
        let (mut all, mut steps) = (Vec::new(), Vec::new());
        let given = || samples.iter().cloned().map(Ok);
        write_samples(&mut all, manifest, given()).expect("a Vec takes everything");
        write_steps(&mut steps, manifest, given()).expect("a Vec takes everything");
        [all, steps]
    }

    #[test]
    fn tables_hold_what_the_samples_hold() {
        let manifest = manifest(&["temperature=0.5,1", "top-p=0.9,off"], 2, "1/1");
        let samples: Vec<Sample> = manifest.keys().map(sample).collect();
        let [all, steps] = written(&manifest, &samples);
        assert_eq!([all.clone(), steps.clone()], written(&manifest, &samples));
        let (all, steps) = (rows(all), rows(steps));
        assert_eq!(all.len(), samples.len());
        assert_eq!(steps.len(), samples.iter().map(|it| it.token_ids.len()).sum::<usize>());
        let row = &all[7]; // cell 1, prompt 1, sample 1: 3 tokens
        for part in [
            "cell: 1, temperature: 0.5, top_p: null, ",
            "prompt: 1, prompt_text: \"Two, or \"three\"\", sample: 1, ",
            "seed: 18446744073709551615, stream: 9, ",
            "token_ids: [4294967295, 4294967294, 4294967295], finish: \"length\", n_tokens: 3, ",
            "raw_nats: 1.56666666666666",
            "kept: 7.0, ",
        ] {
            assert!(row.contains(part), "{part} is not in {row}");
        }
        assert!(
            all[0].contains("token_ids: [], finish: \"eos\", n_tokens: 0, nats: 0E0, "),
            "{}",
            all[0]
        );
        let first = "{cell: 0, prompt: 0, sample: 1, pos: 3, id: 4294967295, raw_logprob: -6.666666666666666E-1, ";
        assert!(steps[0].starts_with(first), "{}", steps[0]);
    }

    #[test]
    fn a_sweep_without_samples_has_tables_without_rows() {
        let manifest = manifest(&[], 1, "1/1");
        for table in written(&manifest, &[]) {
            assert!(rows(table).is_empty());
        }
    }

    #[test]
    fn long_samples_make_small_groups() {
        let manifest = manifest(&["temperature=1,2"], 1, "1/1");
        let n = 1 << 20;
        let long = |key| Sample {
            token_ids: vec![1; n],
            raw_logprobs: vec![0.0; n],
            logprobs: vec![0.0; n],
            raw_entropies: vec![0.0; n],
            entropies: vec![0.0; n],
            kept: vec![1; n],
            ..Sample::new(key, 0)
        };
        let mut bytes = Vec::new();
        write_samples(&mut bytes, &manifest, manifest.keys().map(|key| Ok(long(key))))
            .expect("a Vec takes everything");
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a table");
        let rows = |at: usize| reader.metadata().row_group(at).num_rows();
        assert_eq!((reader.num_row_groups(), [0, 1, 2, 3].map(rows)), (4, [1; 4]));
    }

    #[test]
    fn a_sample_that_cannot_be_read_ends_the_table() {
        let broken = [Err(kelvin_lab::Error::new("gone"))];
        let told = write_samples(Vec::new(), &manifest(&[], 1, "1/1"), broken).expect_err("gone");
        assert_eq!(told.to_string(), "gone");
    }
}
