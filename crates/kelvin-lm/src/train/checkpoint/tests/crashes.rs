//! Power cuts (T3 of the promises), as in ALICE (Pillai et al., OSDI 2014): a save is recorded, and every
//! state that a cut could leave behind is built and loaded.
//!
//! The model is harsher than file systems are. After any number of operations, each one that no sync has made
//! durable is there or not, whatever became of those around it: names by themselves, the bytes of a write
//! missing, half there, zeros, or whole. A rename is there or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::super::storage::Storage as _;
use super::disk::{Op, WatchedDisk};
use super::{Scene, empty, provenance, state};
use crate::ErrorKind;

/// Files and folders by number; 0 is the root. What no folder names is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Tree(Vec<Node>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Folder(BTreeMap<String, usize>),
    File(Vec<u8>),
}

/// What an operation changes: one node.
#[derive(Debug, Clone)]
enum Effect {
    Link { folder: usize, name: String, node: usize },
    Unlink { folder: usize, name: String },
    Rename { folder: usize, from: String, to: String, node: usize },
    Write { file: usize, at: usize, bytes: Vec<u8> },
}

/// How much of an effect is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Nothing,
    Half,
    Zeros,
}

impl Effect {
    /// The node that a sync has to be asked of.
    fn node(&self) -> usize {
        match *self {
            Self::Link { folder, .. }
            | Self::Unlink { folder, .. }
            | Self::Rename { folder, .. } => folder,
            Self::Write { file, .. } => file,
        }
    }

    fn extents(&self) -> &'static [Extent] {
        match self {
            Self::Write { .. } => &[Extent::Whole, Extent::Nothing, Extent::Half, Extent::Zeros],
            _ => &[Extent::Whole, Extent::Nothing],
        }
    }
}

impl Tree {
    /// What is on the real disk.
    fn read(path: &Path) -> Self {
        let mut tree = Self::default();
        tree.add(path);
        tree
    }

    fn add(&mut self, path: &Path) -> usize {
        let number = self.0.len();
        if path.is_file() {
            self.0.push(Node::File(fs::read(path).expect("a file")));
            return number;
        }
        self.0.push(Node::Folder(BTreeMap::new()));
        for entry in fs::read_dir(path).expect("a folder") {
            let entry = entry.expect("read");
            let node = self.add(&entry.path());
            self.names(number).insert(entry.file_name().into_string().expect("text"), node);
        }
        number
    }

    fn names(&mut self, folder: usize) -> &mut BTreeMap<String, usize> {
        match &mut self.0[folder] {
            Node::Folder(names) => names,
            Node::File(_) => panic!("a folder"),
        }
    }

    /// The folder of a path, and the name in it.
    fn place(&mut self, path: &Path) -> (usize, String) {
        let folder = self.find(path.parent().expect("not the root"));
        (folder, path.file_name().expect("a name").to_str().expect("text").to_owned())
    }

    fn find(&mut self, path: &Path) -> usize {
        path.iter().fold(0, |folder, name| self.names(folder)[name.to_str().expect("text")])
    }

    fn apply(&mut self, effect: &Effect, extent: Extent) {
        if extent == Extent::Nothing {
            return;
        }
        match effect {
            Effect::Link { folder, name, node } => {
                self.names(*folder).insert(name.clone(), *node);
            }
            Effect::Unlink { folder, name } => {
                self.names(*folder).remove(name);
            }
            Effect::Rename { folder, from, to, node } => {
                self.names(*folder).remove(from);
                self.names(*folder).insert(to.clone(), *node);
            }
            Effect::Write { file, at, bytes } => {
                let Node::File(content) = &mut self.0[*file] else { panic!("a file") };
                let n = if extent == Extent::Half { bytes.len() / 2 } else { bytes.len() };
                content.resize(content.len().max(at + n), 0);
                if extent != Extent::Zeros {
                    content[*at..at + n].copy_from_slice(&bytes[..n]);
                }
            }
        }
    }

    /// Puts what the root leads to on the real disk.
    fn write(&self, number: usize, path: &Path) {
        match &self.0[number] {
            Node::File(bytes) => fs::write(path, bytes).expect("written"),
            Node::Folder(names) => {
                fs::create_dir_all(path).expect("made");
                for (name, &node) in names {
                    self.write(node, &path.join(name));
                }
            }
        }
    }

    /// All paths and bytes that the root leads to.
    fn visible(&self) -> BTreeMap<String, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut left = vec![(0, String::new())];
        while let Some((number, path)) = left.pop() {
            match &self.0[number] {
                Node::File(bytes) => {
                    found.insert(path, Some(bytes.clone()));
                }
                Node::Folder(names) => {
                    left.extend(names.iter().map(|(name, &node)| (node, format!("{path}/{name}"))));
                    found.insert(path, None);
                }
            }
        }
        found
    }
}

/// A recorded save: where it began, its effects, and which operations made each durable.
struct Recording {
    start: Tree,
    /// With the number of its operation, and of the sync that made it durable.
    effects: Vec<(usize, Effect, Option<usize>)>,
    n_operations: usize,
}

impl Recording {
    fn new(start: Tree, log: &[Op]) -> Self {
        let mut live = start.clone();
        let mut recording = Self { start, effects: Vec::new(), n_operations: log.len() };
        for (number, op) in log.iter().enumerate() {
            recording.note(number, op, &mut live);
        }
        recording
    }

    fn note(&mut self, number: usize, op: &Op, live: &mut Tree) {
        let effect = match op {
            Op::CreateFolder(path) => self.link(path, Node::Folder(BTreeMap::new()), live),
            Op::Create(path) => self.link(path, Node::File(Vec::new()), live),
            Op::Write(path, bytes) => {
                let file = live.find(path);
                let Node::File(content) = &live.0[file] else { panic!("a file") };
                Effect::Write { file, at: content.len(), bytes: bytes.clone() }
            }
            Op::RemoveFile(path) | Op::RemoveFolder(path) => {
                let (folder, name) = live.place(path);
                Effect::Unlink { folder, name }
            }
            Op::Rename(from, to) => {
                let node = live.find(from);
                let ((folder, from), (other, to)) = (live.place(from), live.place(to));
                assert_eq!(folder, other, "names change beside each other");
                Effect::Rename { folder, from, to, node }
            }
            Op::Sync(path) | Op::SyncFolder(path) => {
                let node = live.find(path);
                let waiting = self.effects.iter_mut().filter(|it| it.1.node() == node);
                waiting.for_each(|(_, _, durable)| *durable = durable.or(Some(number)));
                return;
            }
        };
        live.apply(&effect, Extent::Whole);
        self.effects.push((number, effect, None));
    }

    /// Names a new node, which is there from the start and unnamed.
    fn link(&mut self, path: &Path, node: Node, live: &mut Tree) -> Effect {
        let (folder, name) = live.place(path);
        self.start.0.push(node.clone());
        live.0.push(node);
        Effect::Link { folder, name, node: live.0.len() - 1 }
    }

    /// What may be on the disk after a cut that follows `n` operations: each combination of what was not
    /// durable, or `most` of them spread evenly.
    fn states(&self, n: usize, most: u64) -> impl Iterator<Item = Tree> {
        let done: Vec<_> = self.effects.iter().filter(|(number, ..)| *number < n).collect();
        let choices = |&&(_, ref effect, durable): &&(usize, Effect, Option<usize>)| {
            let is_durable = durable.is_some_and(|sync| sync < n);
            if is_durable { &[Extent::Whole][..] } else { effect.extents() }
        };
        let choices: Vec<&[Extent]> = done.iter().map(choices).collect();
        let all: u64 = choices.iter().map(|choices| choices.len() as u64).product();
        let taken = all.min(most);
        (0..taken).map(move |index| {
            let mut combination = if taken == all { index } else { index * (all / taken) + index };
            let mut tree = self.start.clone();
            for ((_, effect, _), choices) in done.iter().zip(&choices) {
                let n = choices.len() as u64;
                let choice = usize::try_from(combination % n).expect("few");
                tree.apply(effect, choices[choice]);
                combination /= n;
            }
            tree
        })
    }
}

/// What was counted.
#[derive(Debug, Default)]
struct Figures {
    operations: usize,
    states: u64,
    distinct: usize,
}

/// Loads what each cut in a save of `step` may leave; `before` is what the load may find until then.
fn check(scene: &Scene, step: u32, before: Option<u32>, most: u64) -> Figures {
    check_after(scene, step, (before, most), |_| ())
}

/// The same, after operations that nothing has made durable.
fn check_after(
    scene: &Scene,
    step: u32,
    (before, most): (Option<u32>, u64),
    prepare: impl FnOnce(&WatchedDisk),
) -> Figures {
    let start = Tree::read(&scene.0);
    let disk = WatchedDisk::new(&scene.0);
    prepare(&disk);
    scene.checkpoints().save_on(&disk, &state(step), &provenance()).expect("it saves");
    let recording = Recording::new(start, &disk.log());
    assert_eq!(Tree::read(&scene.0).visible(), recording.last().visible(), "the model is right");

    let mut figures = Figures { operations: recording.n_operations, ..Figures::default() };
    let mut seen = BTreeSet::new();
    for n in 0..=recording.n_operations {
        for tree in recording.states(n, most) {
            figures.states += 1;
            let is_done = n == recording.n_operations;
            if seen.insert((is_done, tree.visible())) {
                let expected = if is_done { (Some(step), true) } else { (before, false) };
                load(scene, &tree, step, expected);
            }
        }
    }
    figures.distinct = seen.len();
    figures
}

impl Recording {
    /// Where it ended, all of it durable.
    fn last(&self) -> Tree {
        self.states(self.n_operations, 1).next().expect("the first has everything")
    }
}

/// A cut leaves a checkpoint that is whole: the one of `step`, or that of before where the save had not
/// returned. And the run goes on.
fn load(scene: &Scene, tree: &Tree, step: u32, (expected, is_done): (Option<u32>, bool)) {
    empty(&scene.0);
    tree.write(0, &scene.0);
    match scene.checkpoints().latest() {
        Ok(latest) => {
            let found = latest.saved.state;
            assert!(
                found.step == step || (!is_done && Some(found.step) == expected),
                "{}",
                found.step
            );
            assert_eq!(found, state(found.step));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
            assert!(!is_done && expected.is_none(), "{error}");
        }
    }
    let disk = WatchedDisk::new(&scene.0);
    scene.checkpoints().save_on(&disk, &state(step), &provenance()).expect("it saves again");
    let latest = scene.checkpoints().latest().expect("it is whole");
    assert_eq!(latest.saved.state, state(step));
    assert!(latest.passed_over.is_empty(), "{:?}", latest.passed_over);
}

/// The saves whose cuts are tried, each from a folder as it was before it.
fn saves(name: &str, most: u64) -> Vec<Figures> {
    let scene = Scene::new(name);
    let save = |step| {
        let disk = WatchedDisk::new(&scene.0);
        scene.checkpoints().save_on(&disk, &state(step), &provenance()).expect("it saves");
    };
    let mut all = vec![check(&scene, 1, None, most)]; // the first of all
    empty(&scene.0);
    [1, 2].into_iter().for_each(save);
    all.push(check(&scene, 3, Some(2), most)); // removes step 1
    empty(&scene.0);
    [1, 2, 3].into_iter().for_each(save);
    let weights = scene.run().join("step-3/model.safetensors");
    fs::write(weights, "damaged").expect("written");
    fs::create_dir(scene.run().join("step-4.partial")).expect("made");
    all.push(check(&scene, 3, Some(2), most)); // replaces a damaged one, removes what a killed run left
    empty(&scene.0);
    let make = |disk: &WatchedDisk| disk.create_folder(&scene.run()).expect("it is made");
    all.push(check_after(&scene, 1, (None, most), make)); // in a folder that others have just made
    all
}

#[test]
fn a_power_cut_leaves_a_checkpoint() {
    for figures in saves("cuts", 24) {
        assert!(figures.operations > 30 && figures.distinct > 100, "{figures:?}");
    }
}

/// The model has teeth: without any one kind of sync, a save that has returned could be lost.
#[test]
fn each_kind_of_sync_is_needed() {
    let scene = Scene::new("syncs");
    let run = Path::new("run");
    let of_file = |op: &Op| matches!(op, Op::Sync(_));
    let of_folder = |op: &Op| matches!(op, Op::SyncFolder(path) if path != run);
    let of_parent = |op: &Op| matches!(op, Op::SyncFolder(path) if path == run);
    let lost = |is_left_out: &dyn Fn(&Op) -> bool| {
        empty(&scene.0);
        let save = |disk: &WatchedDisk, step| {
            scene.checkpoints().save_on(disk, &state(step), &provenance()).expect("it saves");
        };
        save(&WatchedDisk::new(&scene.0), 1);
        let (start, disk) = (Tree::read(&scene.0), WatchedDisk::new(&scene.0));
        save(&disk, 2);
        let log: Vec<Op> = disk.log().into_iter().filter(|op| !is_left_out(op)).collect();
        let recording = Recording::new(start, &log);
        recording.states(log.len(), 64).any(|tree| {
            empty(&scene.0);
            tree.write(0, &scene.0);
            scene.checkpoints().latest().expect("one is whole").saved.state.step != 2
        })
    };
    assert!(!lost(&|_| false));
    assert_eq!([lost(&of_file), lost(&of_folder), lost(&of_parent)], [true; 3]);
}

#[test]
#[ignore = "builds six thousand folders and saves into each"]
#[expect(clippy::print_stderr, reason = "a test's figures are read by people")]
fn every_power_cut_leaves_a_checkpoint() {
    let all = saves("all-cuts", 1 << 16);
    eprintln!("{all:#?}");
    assert!(all.iter().map(|figures| figures.states).sum::<u64>() > 20_000);
    assert!(all.iter().map(|figures| figures.distinct).sum::<usize>() > 5_000);
}
