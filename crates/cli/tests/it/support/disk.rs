//! What is done to files behind the server's back.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Copies a directory with everything in it. What a running server removes meanwhile is not in the copy.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    let Some(entries) = unless_gone(fs::read_dir(from)) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries {
        let Some(entry) = unless_gone(entry) else { continue };
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            unless_gone(fs::copy(entry.path(), target));
        }
    }
}

fn unless_gone<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        result => Some(result.unwrap()),
    }
}

/// Every file below a directory, sorted by path.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Turns one bit of a file's byte over.
pub(crate) fn flip_byte(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}
