//! Kelvin beside PyTorch on the same weights and windows.

use kelvin::Softmax;
use kelvin_lm::train::{Layout, Params, State, Tensor, Trainer};
use kelvin_lm::{EngineOptions, Result, Session, TokenId};

use super::golden::{self, Expected, MODELS, Run};

#[test]
fn the_script_drew_the_same_windows() {
    let run = Run::read();
    let corpus = run.corpus();
    assert_eq!(run.starts.len(), 20);
    let mut index = 0;
    for step in 0..run.starts.len() {
        assert_eq!(run.starts[step].len(), run.settings.windows_per_step());
        for window in run.windows(step) {
            assert_eq!(corpus.window(&run.settings, index), window, "step {step}");
            index += 1;
        }
    }
}

/// Every tensor has a gradient of its shape, under the name that it has here.
#[test]
fn tensors_are_called_as_transformers_calls_them() -> Result<()> {
    for name in MODELS {
        let layout = Layout::new(golden::model(name).config())?;
        let ours = layout.tensors().iter().map(|tensor| {
            let shape = tensor.shape().iter().map(|&n| n as u64).collect();
            (tensor.name().to_owned(), shape)
        });
        let theirs = golden::tensors(name, "gradients").into_iter();
        let theirs = theirs.map(|(name, shape, _)| (name, shape));
        let sorted = |tensors: &mut dyn Iterator<Item = (String, Vec<u64>)>| {
            let mut tensors: Vec<_> = tensors.collect();
            tensors.sort_unstable();
            tensors
        };
        let (ours, theirs) = (sorted(&mut { ours }), sorted(&mut { theirs }));
        assert_eq!(ours, theirs, "{name}");
    }
    Ok(())
}

/// Mean nats of all tokens of a window but the first, by the code that generates text.
fn nats(session: &mut Session<'_>, window: &[TokenId]) -> Result<f64> {
    let (inputs, mut total) = (&window[..window.len() - 1], 0.0);
    session.feed_all(inputs, |pos, row| {
        let softmax = Softmax::new(row).expect("finite logits");
        total -= softmax.logprob(row[window[pos + 1] as usize]);
    })?;
    Ok(total / inputs.len() as f64)
}

/// Holds the files to the half of Kelvin that is proven elsewhere.
#[test]
fn the_first_loss_is_that_of_the_inference_pass() -> Result<()> {
    let run = Run::read();
    for name in MODELS {
        let (model, expected) = (golden::model(name), Expected::read(name));
        assert_eq!(model.config().tied_head, expected.tied);
        let losses: Result<Vec<f64>> =
            run.windows(0).map(|window| nats(&mut Session::new(&model), window)).collect();
        let losses = losses?;
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        let first = expected.steps[0].loss;
        assert!((mean - first).abs() < 2e-6, "{name}: {mean} and {first}");
    }
    Ok(())
}

fn trainer(name: &str, run: &Run) -> Result<Trainer> {
    let state = State::from_model(&golden::model(name), run.settings.clone())?;
    Trainer::new(state, EngineOptions::default())
}

/// Root mean square of found − expected, over that of expected.
fn deviation(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
    let pairs = found.iter().zip(expected);
    let off = squares(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
    (off / squares(&mut expected.iter().map(|x| f64::from(*x)))).sqrt()
}

/// Each tensor of `params` with what PyTorch has for it, and how far it may be off.
fn check(name: &str, what: &str, params: &Params, layout: &Layout, bound: impl Fn(&Tensor) -> f64) {
    let expected = golden::tensors(name, what);
    for tensor in layout.tensors() {
        let same = |(name, ..): &&(String, Vec<u64>, Vec<f32>)| name == tensor.name();
        let (.., expected) = expected.iter().find(same).expect("one of the same name");
        let off = deviation(&params[&tensor.range()], expected);
        let bound = bound(tensor);
        assert!(off <= bound, "{name}, {what} of {}: {off:.2e} > {bound:.0e}", tensor.name());
    }
}

/// PyTorch's own float32 is up to 6.1e-7 from its float64.
#[test]
fn gradients_are_those_of_pytorch_tensor_by_tensor() -> Result<()> {
    let run = Run::read();
    for name in MODELS {
        let mut trainer = trainer(name, &run)?;
        let gradient = trainer.gradient(&run.corpus())?;
        check(name, "gradients", &gradient, &trainer.state().layout, |_| 2e-6);
    }
    Ok(())
}

#[test]
fn twenty_steps_have_the_losses_norms_and_rates_of_pytorch() -> Result<()> {
    let run = Run::read();
    let corpus = run.corpus();
    for name in MODELS {
        let (mut trainer, expected) = (trainer(name, &run)?, Expected::read(name));
        for (step, expected) in (1..).zip(&expected.steps) {
            let report = trainer.step(&corpus)?;
            assert_eq!(report.step, step);
            let off = [
                (report.loss - expected.loss).abs(),
                (report.grad_norm / expected.grad_norm - 1.0).abs(),
                (report.learning_rate / expected.learning_rate - 1.0).abs(),
            ];
            let bounds = [1e-5, 2e-5, 1e-12];
            let within = off.iter().zip(bounds).all(|(off, bound)| *off <= bound);
            assert!(within, "{name}, step {step}: off by {off:?}, allowed {bounds:?}");
        }
        let losses: Result<Vec<f64>> = run.windows(0).map(|window| trainer.loss(window)).collect();
        let losses = losses?;
        let last = losses.iter().sum::<f64>() / losses.len() as f64;
        assert!((last - expected.last_loss).abs() < 1e-5, "{name}: {last}");
        assert_eq!(trainer.model()?.config(), golden::model(name).config());
    }
    Ok(())
}

/// A softmax does not see the keys' bias, whose gradient is rounding; Adam divides that by its own size.
#[test]
fn trained_weights_are_those_of_pytorch() -> Result<()> {
    let run = Run::read();
    let (mut trainer, corpus) = (trainer("untied", &run)?, run.corpus());
    for _ in 0..run.starts.len() {
        trainer.step(&corpus)?;
    }
    let State { params, layout, .. } = trainer.state();
    let bound = |tensor: &Tensor| if tensor.name().ends_with("c_attn.bias") { 1e-3 } else { 1e-4 };
    check("untied", "trained", params, layout, bound);
    Ok(())
}
