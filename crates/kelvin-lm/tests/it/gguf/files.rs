//! What is wrong before a byte is read, and a limit that can be set.

use std::fs;
use std::path::Path;

use kelvin_lm::ErrorKind::{Format, Io, Unsupported};
use kelvin_lm::format::gguf::Gguf;

use super::writer::File;

#[test]
fn the_metadata_limit_can_be_set() {
    let file = File::small().bytes();
    let error = Gguf::parse_within(file.clone(), 100).expect_err("the header is longer");
    let message = "the value of \"general.alignment\" ends at byte 102, beyond the metadata limit of \
                   100 bytes (byte 98)";
    assert_eq!((error.kind(), error.to_string()), (Unsupported, message.to_owned()));
    assert!(Gguf::parse_within(file, 1000).is_ok());
}

#[test]
fn an_error_names_the_file() {
    let folder = tempfolder("other-kinds");
    let path = folder.join("model.gguf");
    fs::write(&path, b"PK\x03\x04").expect("the folder is ours");
    let error = Gguf::read(&path).expect_err("it is no GGUF");
    assert_eq!((error.kind(), error.path(), error.offset()), (Format, Some(&*path), Some(0)));
    assert!(error.to_string().starts_with(&format!("{}: magic is", path.display())));
    fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfolder("no-files");
    let cases = [
        (folder.clone(), "is a folder, expected a GGUF file"),
        (folder.join("missing.gguf"), "no such file"),
        (Path::new("/dev/null").into(), "is a device or a pipe, expected a GGUF file"),
    ];
    for (path, message) in cases {
        let error = Gguf::read(&path).expect_err(message);
        assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
        assert_eq!((error.kind(), error.path()), (Io, Some(&*path)));
        assert!(error.way_out().is_some());
    }
    fs::remove_dir_all(folder).expect("the folder is ours");
}

fn tempfolder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("kelvin-gguf-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder takes files");
    folder
}
