//! Damage of every kind to every file (T5 of the promises): all of it is found, and nothing panics.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use kelvin_lm::ErrorKind;
use kelvin_lm::train::Saved;

use super::{Scene, names};

/// A checkpoint to be damaged.
fn checkpoint(scene: &Scene) -> PathBuf {
    scene.save(3)
}

/// Damage is found, at once and as an error of the file.
#[track_caller]
fn assert_found(folder: &Path, what: impl Fn() -> String) {
    match Saved::open(folder) {
        Ok(_) => panic!("not found: {}", what()),
        Err(error) => {
            let known = [ErrorKind::Format, ErrorKind::Missing, ErrorKind::Unsupported];
            assert!(known.contains(&error.kind()), "{}: {error}", what());
            assert!(error.path().is_some(), "{}: {error}", what());
        }
    }
}

fn assert_sound(folder: &Path) {
    Saved::open(folder).expect("all is as it was");
}

/// Flips one bit in every `every`, of all files one after the other; how many were flipped.
fn flip_bits(name: &str, every: u64) -> u64 {
    let scene = Scene::new(name);
    let folder = checkpoint(&scene);
    let (mut seen, mut flipped) = (0, 0);
    for name in names(&folder) {
        let path = folder.join(&name);
        let mut file = OpenOptions::new().read(true).write(true).open(&path).expect("a file");
        for at in 0..file.metadata().expect("a file").len() {
            for bit in 0..8 {
                seen += 1;
                if seen % every == 0 {
                    flip(&mut file, at, bit);
                    assert_found(&folder, || format!("bit {bit} of byte {at} of {name}"));
                    flip(&mut file, at, bit);
                    flipped += 1;
                }
            }
        }
    }
    assert_sound(&folder);
    flipped
}

fn flip(file: &mut File, at: u64, bit: u8) {
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).expect("within");
    file.read_exact(&mut byte).expect("within");
    byte[0] ^= 1 << bit;
    file.seek(SeekFrom::Start(at)).expect("within");
    file.write_all(&byte).expect("written");
}

#[test]
fn flipped_bits_are_found() {
    let flipped = flip_bits("flips", 61);
    assert!(flipped > 2000, "{flipped}");
}

#[test]
#[ignore = "flips every bit; about a minute"]
fn every_flipped_bit_is_found() {
    let flipped = flip_bits("all-flips", 1);
    crate::real::say(&format!("{flipped} bits flipped, each found"));
    assert!(flipped > 100_000, "{flipped}");
}

/// Cuts files to lengths `every` bytes apart.
fn truncate(name: &str, every: usize) {
    let scene = Scene::new(name);
    let folder = checkpoint(&scene);
    for name in names(&folder) {
        let path = folder.join(&name);
        let whole = fs::read(&path).expect("a file");
        for len in (0..whole.len()).rev().step_by(every).chain([0]) {
            let file = OpenOptions::new().write(true).open(&path).expect("a file");
            file.set_len(len as u64).expect("cut");
            assert_found(&folder, || format!("{name} cut to {len} bytes"));
        }
        fs::write(path, whole).expect("written");
    }
    assert_sound(&folder);
}

#[test]
fn files_cut_short_are_found() {
    truncate("cuts", 13);
}

#[test]
#[ignore = "cuts every file to every length; a few seconds"]
fn files_cut_to_any_length_are_found() {
    truncate("all-cuts", 1);
}

#[test]
fn junk_zeros_and_lost_blocks_are_found() {
    let scene = Scene::new("junk");
    let folder = checkpoint(&scene);
    for name in names(&folder) {
        let path = folder.join(&name);
        let whole = fs::read(&path).expect("a file");
        let mut damaged: Vec<Vec<u8>> = Vec::new();
        for junk in [&b"\0"[..], b"\n", b" ", &[0xA5; 5000]] {
            damaged.push([&whole[..], junk].concat());
            damaged.push([junk, &whole[..]].concat());
        }
        damaged.push([&whole[..], &whole[..]].concat());
        damaged.push(vec![0; whole.len()]);
        for size in [64, 512, 4096] {
            for start in (0..whole.len()).step_by(size) {
                let mut zeros = whole.clone();
                let end = zeros.len().min(start + size);
                zeros[start..end].fill(0);
                let mut moved = whole.clone();
                moved[start..].rotate_left(size.min(whole.len() - start) / 2);
                damaged.extend([zeros, moved]);
            }
        }
        for (index, bytes) in damaged.iter().enumerate().filter(|(_, bytes)| **bytes != whole) {
            fs::write(&path, bytes).expect("written");
            assert_found(&folder, || format!("damage {index} of {name}"));
        }
        fs::write(path, whole).expect("written");
    }
    assert_sound(&folder);
}

#[test]
fn files_removed_added_and_exchanged_are_found() {
    let scene = Scene::new("exchanged");
    let (other, folder) = (scene.save(2), checkpoint(&scene));
    let all = names(&folder);
    assert_eq!(all.len(), 8);
    for name in &all {
        let path = folder.join(name);
        let whole = fs::read(&path).expect("a file");
        fs::remove_file(&path).expect("removed");
        assert_found(&folder, || format!("{name} removed"));

        fs::create_dir(&path).expect("made");
        assert_found(&folder, || format!("{name} a folder"));
        fs::remove_dir(&path).expect("removed");

        fs::write(&path, fs::read(other.join(name)).expect("a file")).expect("written");
        let same = fs::read(&path).expect("a file") == whole;
        let of_one_run =
            ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];
        assert_eq!(same, of_one_run.contains(&&**name), "{name}");
        if !same {
            assert_found(&folder, || format!("{name} of another step"));
        }
        fs::write(path, whole).expect("written");
    }
    for name in ["notes.txt", ".hidden", "model.safetensors.index.json", "Config.json"] {
        fs::write(folder.join(name), "").expect("written");
        assert_found(&folder, || format!("{name} added"));
        fs::remove_file(folder.join(name)).expect("removed");
    }
    fs::create_dir(folder.join("folder")).expect("made");
    assert_found(&folder, || "a folder added".to_owned());
    fs::remove_dir(folder.join("folder")).expect("removed");
    assert_sound(&folder);
}

/// Bytes elsewhere may change behind our back.
#[cfg(unix)]
#[test]
fn links_are_found() {
    let scene = Scene::new("links");
    let folder = checkpoint(&scene);
    for name in names(&folder) {
        let (path, elsewhere) = (folder.join(&name), scene.0.join("elsewhere"));
        fs::rename(&path, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &path).expect("linked");
        assert_found(&folder, || format!("{name} a link"));
        fs::remove_file(&path).expect("removed");
        fs::rename(elsewhere, path).expect("moved back");
    }
    assert_sound(&folder);
}

/// Two tensors of one shape, exchanged in the table: the file is as sound as before.
#[test]
fn exchanged_tensors_are_found() {
    let scene = Scene::new("tensors");
    let folder = checkpoint(&scene);
    for (file, one, two) in [
        ("model.safetensors", "h.0.ln_1.weight", "h.0.ln_2.weight"),
        (
            "optimizer.safetensors",
            "exp_avg.transformer.ln_f.bias",
            "exp_avg.transformer.h.0.ln_1.bias",
        ),
    ] {
        let path = folder.join(file);
        let whole = fs::read(&path).expect("a file");
        let header = usize::try_from(u64::from_le_bytes(whole[..8].try_into().expect("eight")));
        let header = 8 + header.expect("short");
        let text = std::str::from_utf8(&whole[8..header]).expect("JSON");
        assert!(text.contains(one) && text.contains(two), "{text}");
        let swapped = text.replace(one, "\u{1}").replace(two, one).replace('\u{1}', two);
        let mut bytes = (swapped.len() as u64).to_le_bytes().to_vec();
        bytes.extend(swapped.bytes());
        bytes.extend(&whole[header..]);
        kelvin_lm::format::Safetensors::parse(bytes.clone()).expect("sound by itself");
        fs::write(&path, bytes).expect("written");
        assert_found(&folder, || format!("{one} and {two} exchanged"));
        fs::write(path, whole).expect("written");
    }
    assert_sound(&folder);
}
