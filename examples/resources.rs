//! Gather, handle, close: blobs of several kinds are collected, used and closed by code that does
//! not know what is behind them.
//!
//! `cargo run --example resources`. Two are temporary files, two are entries of a tar archive. All
//! keep the directory that they are in, and the entries keep the archive, so that the last close
//! takes along what nobody needs any more. One file is removed behind the back of its resource:
//! that release fails, stops none of the others, and is told.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use perennial::resource::{CloseError, Release, Releaser, Scope, Shared};
use perennial::{Context, Failure};
use tempfile::TempDir;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    perennial::run(root).await.map(drop)
}

async fn root(ctx: Context) -> anyhow::Result<()> {
    let releaser = Releaser::new();
    let node = ctx.run("releaser", releaser.node())?;
    node.healthy().await?;
    let blobs = gather(&releaser)?;
    for blob in &blobs {
        handle(&**blob)?;
    }
    if let Err(error) = close(blobs).await {
        say(&format!("closed, but {:#}", anyhow::Error::from(error)));
    }
    releaser.all_released()?;
    say("nothing is left");
    ctx.done();
    drop(node.terminate()); // nothing else runs here: the tree has finished
    Ok(())
}

/// What can be read, wherever it is.
trait Blob: Send + Sync {
    fn name(&self) -> String;

    fn read(&self) -> io::Result<String>;
}

/// Collects blobs: whoever calls this owns the references, and closes them.
fn gather(releaser: &Releaser) -> io::Result<Vec<Shared<dyn Blob>>> {
    let dir = releaser.open("directory", Directory(tempfile::tempdir()?));
    let mut blobs: Vec<Shared<dyn Blob>> = Vec::new();
    for name in ["one.txt", "two.txt"] {
        let file = TemporaryFile::write(&dir, name)?;
        blobs.push(dir.derive(name, file).project::<dyn Blob>(|file| file));
    }
    let archive = dir.derive("archive", Archive::pack(&dir)?);
    for index in 0..2 {
        // A part of the archive is a reference to it.
        blobs.push(
            archive
                .dup()
                .project::<dyn Blob>(move |archive| &archive.entries[index]),
        );
    }
    fs::remove_file(dir.0.path().join("two.txt"))?;
    Ok(blobs)
    // Our own references to the directory and the archive go here; the blobs have others.
}

/// Uses a blob that it is lent.
fn handle(blob: &dyn Blob) -> io::Result<()> {
    let text = blob.read().unwrap_or_else(|error| error.to_string());
    say(&format!("{:<18}{}", blob.name(), text.trim_end()));
    Ok(())
}

/// Closes all, the last one first, and gathers what goes wrong.
async fn close(blobs: Vec<Shared<dyn Blob>>) -> Result<(), CloseError> {
    let mut scope: Scope = blobs.into_iter().collect();
    scope.close().await
}

/// A temporary directory.
struct Directory(TempDir);

impl Release for Directory {
    type Error = io::Error;

    async fn release(self) -> io::Result<()> {
        say("removing the directory");
        self.0.close()
    }
}

/// A file that is removed with its last reference.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn write(dir: &Directory, name: &str) -> io::Result<Self> {
        let path = dir.0.path().join(name);
        fs::write(&path, format!("the text of {name}\n"))?;
        Ok(Self(path))
    }
}

impl Blob for TemporaryFile {
    fn name(&self) -> String {
        file_name(&self.0)
    }

    fn read(&self) -> io::Result<String> {
        fs::read_to_string(&self.0)
    }
}

impl Release for TemporaryFile {
    type Error = io::Error;

    async fn release(self) -> io::Result<()> {
        say(&format!("removing {}", self.name()));
        fs::remove_file(self.0)
    }
}

/// An open archive, and where its entries are.
struct Archive {
    path: PathBuf,
    entries: [Entry; 2],
}

/// A part of an archive, which it reads through the archive's own file.
struct Entry {
    name: String,
    file: Mutex<File>,
    at: u64,
    length: u64,
}

impl Archive {
    /// Packs two files of a directory.
    fn pack(dir: &Directory) -> io::Result<Self> {
        let path = dir.0.path().join("both.tar");
        let mut builder = tar::Builder::new(File::create(&path)?);
        for name in ["one.txt", "two.txt"] {
            builder.append_path_with_name(dir.0.path().join(name), name)?;
        }
        builder.into_inner()?.sync_all()?;
        let entries = Entry::list(&path)?.try_into();
        let entries = entries.map_err(|_| io::Error::other("it has two entries"))?;
        Ok(Self { path, entries })
    }
}

impl Entry {
    fn list(path: &Path) -> io::Result<Vec<Self>> {
        let mut archive = tar::Archive::new(File::open(path)?);
        let entries = archive.entries()?.map(|entry| {
            let entry = entry?;
            Ok(Self {
                name: format!("both.tar/{}", entry.path()?.display()),
                file: Mutex::new(File::open(path)?),
                at: entry.raw_file_position(),
                length: entry.size(),
            })
        });
        entries.collect()
    }
}

impl Blob for Entry {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn read(&self) -> io::Result<String> {
        let (mut file, mut text) = (self.file.lock(), String::new());
        file.seek(SeekFrom::Start(self.at))?;
        (&mut *file).take(self.length).read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Release for Archive {
    type Error = io::Error;

    async fn release(self) -> io::Result<()> {
        say(&format!("removing {}", file_name(&self.path)));
        fs::remove_file(self.path)
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whoever started this may not want to know.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
