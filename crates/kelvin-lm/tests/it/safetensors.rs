//! Safetensors files and folders of them: what is read, and how each rule refuses.

use std::fs;

use kelvin_lm::ErrorKind;
use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::{Folder, Safetensors, Shards, Tensor};

use crate::oracle;
use crate::scene::Scene;

/// A file of this header and as many bytes of data.
fn file(header: &str, n_data: u8) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(0..n_data);
    file
}

#[test]
fn tensors_have_names_shapes_and_bytes() {
    let header = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},
        "a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"c":{"dtype":"I64","shape":[1],"data_offsets":[12,20]}}  "#;
    let read = Safetensors::parse(file(header, 20)).expect("sound");
    let names: Vec<&str> = read.tensors().iter().map(Tensor::name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let tensor = read.tensor("a").expect("there");
    assert_eq!((tensor.dtype(), tensor.shape()), (Some(Dtype::F32), &[][..]));
    assert_eq!(read.bytes(tensor).expect("in memory"), [8, 9, 10, 11]);
    let whole = read.tensor("c").expect("there");
    assert_eq!((whole.dtype(), whole.dtype_name().as_str()), (None, "I64"));
    assert_eq!(read.n_bytes(), 8 + header.len() as u64 + 20);
    assert!(read.tensor("d").is_none());
}

fn shard(name: &str) -> Vec<u8> {
    file(&format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#), 4)
}

#[test]
fn an_index_and_its_files_agree() {
    let scene = Scene::new("shards");
    scene.write("1.safetensors", shard("a"));
    scene.write("2.safetensors", shard("b"));
    let open = |map: &str| {
        let text = format!(r#"{{"metadata":{{"total_size":8}},"weight_map":{{{map}}}}}"#);
        let index = scene.write("model.safetensors.index.json", &text);
        Shards::indexed(&index, text.as_bytes()).map_err(|error| error.to_string())
    };
    let shards = open(r#""a":"1.safetensors","b":"2.safetensors""#).expect("sound");
    let tensor = shards.tensor("b").expect("there");
    assert_eq!(shards.bytes(tensor).expect("read"), [0, 1, 2, 3]);
    assert_eq!(shards.tensors().len(), 2);
    assert!(shards.file_of(tensor).expect("known").ends_with("2.safetensors"));

    scene.write("2.safetensors", shard("a"));
    let twice = open(r#""a":"1.safetensors""#);
    assert!(twice.is_ok(), "a file that no tensor is in is never opened");
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_but_to_the_blobs_of_their_own_repository() {
    let scene = Scene::new("links");
    let repository = scene.0.join("models--o--n");
    let snapshot = repository.join("snapshots/abc");
    fs::create_dir_all(repository.join("blobs")).expect("a temporary folder");
    fs::create_dir_all(&snapshot).expect("a temporary folder");
    fs::write(repository.join("blobs/1"), shard("a")).expect("a temporary file");
    scene.write("elsewhere.safetensors", shard("a"));
    let open = |target: &str| {
        let link = snapshot.join("1.safetensors");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, link).expect("a link");
        let index = snapshot.join("model.safetensors.index.json");
        Shards::indexed(&index, br#"{"weight_map":{"a":"1.safetensors"}}"#)
    };
    assert!(open("../../blobs/1").is_ok());
    let error = open("../../../elsewhere.safetensors").expect_err("refused").to_string();
    assert!(error.ends_with("links to a file outside the model's folder"), "{error}");
}

#[test]
fn a_folder_says_what_it_lacks() {
    let scene = Scene::new("folder");
    let refused = || Folder::open(&scene.0).expect_err("refused");
    assert!(refused().to_string().ends_with("the folder has no config.json"));
    scene.write("config.json", "{}");
    assert!(
        refused().to_string().ends_with("no model.safetensors and no model.safetensors.index.json")
    );
    scene.write("pytorch_model.bin", b"\x80\x02");
    let pickle = refused();
    assert_eq!(pickle.kind(), ErrorKind::Unsupported);
    assert!(pickle.to_string().contains("pytorch_model.bin: is a Python pickle"), "{pickle}");
    assert!(pickle.way_out().expect("a hint").contains("save_pretrained"));
    scene.write("model.safetensors", shard("a"));
    let folder = Folder::open(&scene.0).expect("sound");
    assert_eq!(folder.config_json(), b"{}");
    assert_eq!(folder.tokenizer_json().expect("absent"), None);
}

/// The memory beside the file is what its table needs, at the limits of the table too.
#[test]
fn the_densest_file_stays_within_memory() {
    let dims = ["1"; 8].join(",");
    let line = |i: u16| {
        format!(r#""{i}":{{"dtype":"U8","shape":[{dims}],"data_offsets":[{i},{}]}}"#, i + 1)
    };
    let header = format!("{{{}}}", (0..4096).map(line).collect::<Vec<_>>().join(","));
    let dense = oracle::safetensors::framed(header.as_bytes(), &[0; 4096]);
    assert!(oracle::safetensors::bytes(&dense).is_ok());
    let long = "x".repeat(4 << 20);
    for header in [
        format!(r#"{{"x":{{"dtype":"{long}","shape":[1],"data_offsets":[0,1]}}}}"#),
        format!(r#"{{"{long}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}}}"#),
        format!(r#"{{"x":"{long}"}}"#),
        format!(r#"{{"{long}":1,"{long}":1}}"#),
        format!(r#"{{"\u0061{long}":1}}"#),
        format!(r#"{{"x":{{"\u0061{long}":1}}}}"#),
        format!("{{{}}}", r#""x":"#.repeat(1 << 20)),
        format!("{{\"x\":{}1", "[".repeat(1 << 20)),
        format!("{{\"x\":[{}", "1,".repeat(1 << 20)),
    ] {
        let refused =
            oracle::safetensors::bytes(&oracle::safetensors::framed(header.as_bytes(), &[]));
        assert!(refused.is_err(), "{header:.40}");
    }
}
