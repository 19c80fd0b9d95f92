//! Safetensors files and folders of them: what is read, and how each rule refuses.

use std::fs;
use std::path::PathBuf;

use kelvin_lm::ErrorKind;
use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::{Folder, Safetensors, Shards, Tensor};

/// A file of this header and as many bytes of data.
fn file(header: &str, n_data: u8) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(0..n_data);
    file
}

fn refusal(header: &str, n_data: u8) -> String {
    Safetensors::parse(file(header, n_data)).expect_err("refused").to_string()
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

#[test]
fn each_rule_has_its_refusal_and_its_place() {
    let one = |dtype: &str, shape: &str, span: &str| {
        format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{span}}}}}"#)
    };
    let cases = [
        (
            one("F32", "[2]", "[0,4]"),
            4,
            "tensor \"x\" of F32 [2] takes 8 bytes, but its offsets span 4 (byte 9)",
        ),
        (
            one("F32", "[1]", "[0,8]"),
            8,
            "tensor \"x\" of F32 [1] takes 4 bytes, but its offsets span 8 (byte 9)",
        ),
        (
            one("F32", "[1]", "[4,8]"),
            8,
            "tensor \"x\" leaves a gap after the one before it (byte 9)",
        ),
        (one("F32", "[1]", "[0,4]"), 8, "4 bytes follow the last tensor (byte 66)"),
        (one("F32", "[1]", "[0,4]"), 3, "tensor \"x\" lies at 0 to 4 of 3 bytes of data (byte 9)"),
        (one("F32", "[1]", "[4,0]"), 4, "tensor \"x\" lies at 4 to 0 of 4 bytes of data (byte 9)"),
        (
            one("F32", "[0,4]", "[0,0]"),
            0,
            "tensor \"x\" has shape [0, 4], expected dimensions of at least 1 (byte 9)",
        ),
        (
            one("F4", "[3]", "[0,2]"),
            2,
            "tensor \"x\" of F4 [3] is no whole number of bytes (byte 9)",
        ),
        (
            one("F32", "[4294967296,4294967296]", "[0,4]"),
            4,
            "tensor \"x\" of F32 [4294967296, 4294967296] is no whole number of bytes (byte 9)",
        ),
        (one("F33", "[1]", "[0,4]"), 4, "the header: unknown variant `F33`"),
        (
            one("F32", "[-1]", "[0,4]"),
            4,
            "the header: invalid value: integer `-1`, expected usize (byte ",
        ),
        (
            one("F32", "[1.5]", "[0,4]"),
            4,
            "the header: invalid type: floating point `1.5`, expected usize (byte ",
        ),
        (
            one("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"),
            4,
            "the header: an array of more than 8 (byte ",
        ),
        (
            one("F32", "[1]", "[0]"),
            4,
            "the header: invalid length 1, expected a tuple of size 2 (byte ",
        ),
        (
            r#"{"x":{"dtype":"F32","shape":[1]}}"#.to_owned(),
            0,
            "the header: missing field `data_offsets` (byte ",
        ),
        (r#"{"x":1,"x":1}"#.to_owned(), 0, "the header: an object has a key twice (byte 20)"),
        (r#"{"x":1"#.to_owned(), 0, "the header: EOF while parsing an object (byte 13)"),
        (
            r#"{"x":[]}"#.to_owned(),
            0,
            "the header: invalid length 0, expected struct TensorInfo with 3 elements (byte ",
        ),
    ];
    for (header, n_data, expected) in cases {
        let found = refusal(&header, n_data);
        assert!(found.starts_with(expected), "{header}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn the_length_is_held_to_the_file_and_to_the_limit() {
    let refused = |file: Vec<u8>| Safetensors::parse(file).expect_err("refused");
    let cut = refused(file("{}", 0)[..9].to_vec());
    assert_eq!(cut.to_string(), "the header has 2 bytes, but 1 are left in the file (byte 0)");
    let mut long = 150_000_000_u64.to_le_bytes().to_vec();
    long.push(b'{');
    assert!(refused(long).to_string().contains("150000000 bytes, but 1 are left"));
    let empty = refused(Vec::new());
    assert_eq!(empty.to_string(), "the file is empty, expected a safetensors file (byte 0)");
    let pickle = refused(b"\x80\x02}q\x00X\x05\x00\x00\x00".to_vec());
    assert!(pickle.to_string().contains("a Python pickle, which is never read"), "{pickle}");
    let zip = refused(b"PK\x03\x04 and so on".to_vec());
    assert!(zip.to_string().contains("a zip archive, as PyTorch and NumPy write"), "{zip}");
    let gguf = refused(b"GGUF\x03\0\0\0 and so on".to_vec());
    assert!(gguf.to_string().contains("in the GGUF format"), "{gguf}");
}

/// A folder of its own for one test, removed at the end.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kelvin-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
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

    let cases = [
        (r#""a":"2.safetensors""#, "2.safetensors: tensor \"b\" is here, but not by the index"),
        (
            r#""b":"2.safetensors","a":"2.safetensors""#,
            "the index has tensor \"a\" here, but the file lacks it",
        ),
        (r#""b":"2.safetensors","a":"3.safetensors""#, "3.safetensors: no such file"),
        (r#""a":"1.safetensors","c":"1.safetensors""#, "the index has tensor \"c\" here"),
        (
            r#""a":"../1.safetensors""#,
            "a tensor lies in \"../1.safetensors\", expected a plain name",
        ),
        (r#""a":"/etc/x.safetensors""#, "a tensor lies in \"/etc/x.safetensors\""),
        (r#""a":1"#, "the index: invalid type: integer `1`, expected a string"),
    ];
    for (map, expected) in cases {
        let found = open(map).expect_err("refused");
        assert!(found.contains(expected), "{map}: {found}");
    }
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
