//! Kelvin beside PyTorch on the same weights and windows.

use kelvin::Softmax;
use kelvin_lm::train::Layout;
use kelvin_lm::{Result, Session, TokenId};

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
