//! How far an import came, kept outside the imported file's directory, which may be read-only.

use std::{env, fs, path::{Path, PathBuf}};

use indelible_merkle::leaf_hash;
use serde::{Deserialize, Serialize};

use crate::{
    args::ImportArgs,
    exit::{Done, Exit},
};

#[derive(Serialize, Deserialize)]
struct Note {
    file: PathBuf,
    url: String,
    format: String,
    size: u64,
    offset: u64,
}

/// The note of one import; of none for standard input and checks.
pub(super) struct Resume {
    /// Records that end at or before this offset were stored by an earlier run.
    pub(super) offset: u64,
    note: Option<(PathBuf, Note)>,
}

impl Resume {
    pub(super) fn open(args: &ImportArgs) -> Result<Self, Exit> {
        if args.check || args.file == Path::new("-") {
            return Ok(Self { offset: 0, note: None });
        }
        let unreadable = |error| Exit::unknown(format!("can't read {}: {error}", args.file.display()));
        let file = fs::canonicalize(&args.file).map_err(unreadable)?;
        let size = fs::metadata(&file).map_err(unreadable)?.len();
        let name = format!("{}\n{}\n{}\n{:?}", file.display(), args.remote.url, args.format, args.tenant);
        let path = directory()?.join(format!("{}.json", hex::encode(&leaf_hash(name.as_bytes())[..16])));
        let known = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        // A file that became shorter is another file; one that grew goes on where it ended.
        let known = known.filter(|note| !args.restart && note.size <= size);
        let offset = known.map_or(0, |note| note.offset);
        let note = Note { file, url: args.remote.url.clone(), format: args.format.clone(), size, offset };
        Ok(Self { offset, note: Some((path, note)) })
    }

    /// Notes that everything up to `offset` is stored.
    pub(super) fn advance(&mut self, offset: u64) -> Done {
        let Some((path, note)) = &mut self.note else { return Ok(()) };
        note.offset = offset;
        let unwritable = |error: std::io::Error| Exit::unknown(format!("can't write {}: {error}", path.display()));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unwritable)?;
        }
        let bytes = serde_json::to_vec(note).map_err(|error| Exit::unknown(error.to_string()))?;
        // Replaced as a whole: half a note would start the import over.
        let fresh = path.with_extension("new");
        fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, &*path)).map_err(unwritable)
    }

    /// The import is complete.
    pub(super) fn forget(&self) {
        if let Some((path, _)) = &self.note {
            // A note that stays only makes the next import of the same file skip what it stored.
            let _ = fs::remove_file(path);
        }
    }
}

fn directory() -> Result<PathBuf, Exit> {
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = state.or_else(home).ok_or_else(|| {
        Exit::usage("neither XDG_STATE_HOME nor HOME is set, so there is no place for the note of how far the import came")
    })?;
    Ok(state.join("indelible/imports"))
}
