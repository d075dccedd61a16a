//! Files that hold secrets: nobody else on the machine may read them, or the server does not start.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A file of secrets that others may read or write.
#[derive(Debug, thiserror::Error)]
#[error("{} may be read or written by everybody on this machine (mode {mode:04o}); run: chmod o= {}", .file.display(), quoted(.file))]
pub struct Exposed {
    /// Which file.
    pub file: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// Read, write and search for those who are neither owner nor in the group. The group may: service managers and
/// Kubernetes hand secrets over that way.
const OTHERS: u32 = 0o007;

/// Refuses a file that others may read or write; `None` where there is no such file.
///
/// # Errors
/// I/O errors other than "not found".
pub(crate) fn exposure(file: &Path) -> io::Result<Option<Exposed>> {
    let mode = match fs::metadata(file) {
        Ok(found) => found.permissions().mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok((mode & OTHERS != 0).then(|| Exposed { file: file.to_owned(), mode }))
}

/// The file's name for a shell.
fn quoted(file: &Path) -> String {
    let name = file.display().to_string();
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+:@".contains(&byte)) {
        return name;
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_may_not_read_or_write_and_the_group_may() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a key");
        assert!(exposure(&file).unwrap().is_none(), "what is not there is not exposed");
        fs::write(&file, "secret").unwrap();
        for (mode, refused) in
            [(0o600, false), (0o400, false), (0o640, false), (0o604, true), (0o602, true), (0o644, true)]
        {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let exposed = exposure(&file).unwrap();
            assert_eq!(exposed.is_some(), refused, "{mode:o}");
            if let Some(exposed) = exposed {
                let words = exposed.to_string();
                assert!(words.contains(&format!("(mode {mode:04o}); run: chmod o= '")), "{words}");
            }
        }
    }
}
