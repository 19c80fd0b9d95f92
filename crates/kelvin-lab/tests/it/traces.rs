//! Files of traces: read back as they were written, and damaged ones refused in one line.

use kelvin_lab::Trace;
use kelvin_lab::figure::Animation;
use kelvin_lab::trace::{Done, Header, Line, Names, SCHEMA, Sequence, Step};

fn header() -> Header {
    serde_json::from_value(serde_json::json!({
        "prompt": 0, "sample": 0, "schema": SCHEMA, "kelvin": "0.1.0", "model": {"name": "toy"},
        "dialect": "native", "pipeline": "temperature(0.7)", "seed": 7, "stream": 0,
        "prompt_ids": [1, 2], "a key of tomorrow": true,
    }))
    .expect("keys that are not known are passed over")
}

fn step(logits: &[f32]) -> Step {
    let pipeline: kelvin::Pipeline = "temperature(0.7) | top-k(2)".parse().expect("sound");
    let mut sampler = kelvin::Sampler::new(pipeline, logits.len()).expect("small");
    let account = sampler.sample_traced(logits, 2).expect("a usable row");
    Step::of(&account, 0, 0).with_head(&account)
}

fn done() -> Done {
    Done {
        prompt: 0,
        sample: 0,
        text: "a".to_owned(),
        token_ids: vec![0],
        prompt_ids: vec![1, 2],
        finish_reason: "length".to_owned(),
        context_shifts: 0,
    }
}

fn text(lines: &[Line]) -> String {
    let line = |line| serde_json::to_string(line).expect("plain data") + "\n";
    lines.iter().map(line).collect()
}

#[test]
fn a_trace_comes_back_with_its_bits() {
    let logits = [0.1_f32, 0.3, -7.77, 1e-20];
    let lines =
        [Line::Header(Box::new(header())), Line::Step(Box::new(step(&logits))), Line::Done(done())];
    let trace = Trace::read(text(&lines).as_bytes()).expect("sound");
    assert!(!trace.is_cut);
    let [sequence] = &trace.sequences[..] else { panic!("one sequence") };
    assert_eq!(sequence.header, header());
    assert_eq!(sequence.steps, [step(&logits)]);
    assert_eq!(sequence.done, Some(done()));
    let head = sequence.steps[0].head.as_ref().expect("written");
    assert_eq!((head.ids.as_slice(), head.logits.as_slice()), (&[1, 0][..], &[0.3_f32, 0.1][..]));
}

#[test]
fn a_line_cut_in_the_middle_ends_the_trace() {
    let whole = text(&[Line::Header(Box::new(header())), Line::Step(Box::new(step(&[1.0, 2.0])))]);
    let first = whole.find('\n').expect("two lines") + 1;
    for end in first..whole.len() {
        let trace = Trace::read(&whole.as_bytes()[..end]).expect("the header is whole");
        let is_there = end + 1 == whole.len();
        assert_eq!(trace.sequences[0].steps.len(), usize::from(is_there), "cut at {end}");
        assert_eq!(trace.is_cut, end > first && !is_there, "cut at {end}");
    }
}

#[test]
fn candidates_have_the_probabilities_that_they_were_drawn_with() {
    let pipeline: kelvin::Pipeline =
        "repetition-penalty(1.5) | temperature(0.7) | top-k(3)".parse().expect("sound");
    let sampler = kelvin::Sampler::new(pipeline, 6).expect("small");
    let mut sampler = sampler.with_prompt(&[2, 4]).expect("in the vocabulary");
    let account = sampler.sample_traced(&[1.0, 2.5, 3.0, 0.5, 2.8, -1.0], 6).expect("usable");
    let step = Step::of(&account, 0, 0).with_head(&account);
    let candidates: Vec<_> = step.candidates().collect();
    for (candidate, head) in candidates.iter().zip(&account.head) {
        assert_eq!(candidate.id, head.token);
        assert!((candidate.raw_p - head.raw_p).abs() < 1e-12, "{candidate:?}");
        let drawn = account.support_head.iter().find(|it| it.token == candidate.id);
        let p = drawn.map_or(0.0, |it| it.p);
        assert!((candidate.p - p).abs() < 1e-12, "{candidate:?}, drawn with {p}");
    }
    assert_eq!(candidates.iter().filter(|it| it.p > 0.0).count(), 3);

    let sequence = Sequence { header: header(), steps: vec![step], done: None, failed: None };
    let film = Animation::new(&sequence, &Names::default());
    let shown: Vec<f64> = film.frames[0].rows.iter().map(|row| row.p).collect();
    assert_eq!(shown, candidates.iter().map(|it| it.p).collect::<Vec<_>>());
}

#[test]
fn a_line_without_an_end_is_refused_before_memory_is() {
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    let error = Trace::read(endless).expect_err("no trace");
    assert_eq!(error.to_string(), "line 1: no line of a trace: longer than 64 MiB");
}

#[test]
fn what_is_no_trace_is_refused_in_one_line() {
    let head = text(&[Line::Header(Box::new(header()))]);
    let other = head.replace(SCHEMA, "kelvin.trace/9");
    let cases = [
        (String::new(), "a trace begins with a header, and there is none"),
        ("{}\n".to_owned(), "line 1: no line of a trace: missing field `type` at line 1 column 2"),
        (head.clone() + &head, "line 2: a second header of prompt 0, sample 0"),
        (text(&[Line::Done(done())]), "line 1: prompt 0, sample 0 has no header"),
        (other, "line 1: schema \"kelvin.trace/9\" is not \"kelvin.trace/1\""),
    ];
    for (file, expected) in cases {
        assert_eq!(Trace::read(file.as_bytes()).expect_err("refused").to_string(), expected);
    }
}
