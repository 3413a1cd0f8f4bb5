//! Files in a folder of this machine, or of a volume that all nodes share.
//!
//! A file is written under another name, in the folder of drafts, and gets its own when its bytes are on the disk: what has a name is
//! whole. A draft is locked by whoever writes it, so that the start of another process can tell it from what a crash left behind.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use parlor_domain::attachment::{Chunks, FileError, FileSink, FileStore, StoredFile};
use parlor_domain::id::FileKey;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;
/// Where drafts are. No key begins so.
const DRAFTS: &str = "drafts";

/// Keeps each file as `ab/cd/<key>` below its folder, for the server's own user only.
#[derive(Debug, Clone)]
pub struct DiskFiles {
    folder: PathBuf,
}

impl DiskFiles {
    /// Opens the folder, or makes it, and removes what a crash left half written.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let files = Self { folder: folder.into() };
        let drafts = files.folder.join(DRAFTS);
        make_folder(&drafts)?;
        for entry in fs::read_dir(&drafts)? {
            remove_unless_written(&entry?.path())?;
        }
        Ok(files)
    }

    fn draft(&self, key: FileKey) -> PathBuf {
        self.folder.join(DRAFTS).join(key.0.simple().to_string())
    }

    /// The folders of a key, outer one first, and its file.
    fn place(&self, key: FileKey) -> ([PathBuf; 2], PathBuf) {
        let name = key.0.simple().to_string();
        let outer = self.folder.join(name.get(..2).unwrap_or_default());
        let inner = outer.join(name.get(2..4).unwrap_or_default());
        let file = inner.join(name);
        ([outer, inner], file)
    }
}

/// So much is left free: the database may be on the same disk, and must never find it full because of files.
#[cfg(unix)]
const KEPT_FREE: u64 = 512 * 1024 * 1024;

#[cfg(unix)]
fn must_have_room(folder: &Path) -> io::Result<()> {
    let disk = rustix::fs::statvfs(folder)?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) < KEPT_FREE {
        return Err(io::Error::new(
            io::ErrorKind::StorageFull,
            "less than 512 MiB are free on the disk of the data folder; no file is taken until there is more",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
const fn must_have_room(_: &Path) -> io::Result<()> {
    Ok(())
}

#[async_trait]
impl FileStore for DiskFiles {
    async fn create(&self, key: FileKey) -> Result<Box<dyn FileSink>, FileError> {
        let (path, (folders, place)) = (self.draft(key), self.place(key));
        let root = self.folder.clone();
        let begin = move || {
            must_have_room(&root)?;
            Ok((begin(&path)?, Draft(Some(path))))
        };
        let (file, draft) = off_thread("made", begin).await?;
        Ok(Box::new(DiskSink {
            file: File::from_std(file),
            draft,
            root: self.folder.clone(),
            folders,
            place,
        }))
    }

    async fn open(&self, key: FileKey) -> Result<Option<StoredFile>, FileError> {
        let (_, place) = self.place(key);
        let file = match File::open(&place).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("opened", &error)),
        };
        let size = file.metadata().await.map_err(|error| failed("opened", &error))?.len();
        Ok(Some(StoredFile {
            size,
            chunks: chunks(file, size),
        }))
    }

    async fn delete(&self, key: FileKey) -> Result<(), FileError> {
        let ([_, inner], place) = self.place(key);
        off_thread("removed", move || match fs::remove_file(&place) {
            // What came back after a power failure would be found by nobody.
            Ok(()) => sync(&inner),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }
}

/// A draft's name; what still has it when this is dropped goes.
struct Draft(Option<PathBuf>);

impl Draft {
    fn rename(mut self, place: &Path) -> io::Result<()> {
        if let Some(path) = &self.0 {
            fs::rename(path, place)?;
            self.0.take();
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}

struct DiskSink {
    file: File,
    draft: Draft,
    root: PathBuf,
    folders: [PathBuf; 2],
    place: PathBuf,
}

#[async_trait]
impl FileSink for DiskSink {
    async fn write(&mut self, chunk: Bytes) -> Result<(), FileError> {
        self.file.write_all(&chunk).await.map_err(|error| failed("written", &error))
    }

    async fn finish(self: Box<Self>) -> Result<(), FileError> {
        let Self {
            mut file,
            draft,
            root,
            folders,
            place,
        } = *self;
        file.flush().await.map_err(|error| failed("written", &error))?;
        let file = file.into_std().await;
        off_thread("written", move || {
            file.sync_all()?;
            let [outer, inner] = &folders;
            make_folder(inner)?;
            draft.rename(&place)?;
            // The names, too, must survive a power failure, each in its folder.
            sync(inner)?;
            sync(outer)?;
            sync(&root)
        })
        .await
    }
}

/// The bytes of a file. One that ends early is an error: a reader that was told the size waits for the rest.
fn chunks(file: File, size: u64) -> Chunks {
    let read = |(mut file, left): (File, u64)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let count = file.read_buf(&mut chunk).await.map_err(|error| failed("read", &error))? as u64;
        if count == 0 {
            return Err(failed("read", &io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(Some((chunk.freeze(), (file, left.saturating_sub(count)))))
    };
    stream::try_unfold((file, size), read).boxed()
}

async fn off_thread<T: Send + 'static>(done: &str, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, FileError> {
    match spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failed(done, &error)),
        Err(error) => Err(failed(done, &io::Error::other(error))),
    }
}

fn failed(done: &str, error: &io::Error) -> FileError {
    tracing::error!(%error, "a file cannot be {done}");
    FileError(format!("a file cannot be {done}"))
}

fn begin(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // Not every file system knows locks. Without one, a start beside this process would take the draft for a leftover.
    let _ = file.try_lock();
    Ok(file)
}

/// A leftover is nobody's: its lock went with the process that wrote it.
fn remove_unless_written(path: &Path) -> io::Result<()> {
    let missing = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Ok(()),
            _ => fs::remove_file(path).or_else(missing),
        },
        Err(error) => missing(error),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use futures_util::TryStreamExt;
    use uuid::Uuid;

    const KEY: FileKey = FileKey(Uuid::from_u128(0xabcd_0000_0000_4000_8000_0000_0000_0001));

    async fn write(files: &DiskFiles, key: FileKey, chunks: &[&[u8]]) {
        let mut sink = files.create(key).await.unwrap();
        for chunk in chunks {
            sink.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        sink.finish().await.unwrap();
    }

    async fn read(files: &DiskFiles, key: FileKey) -> Option<(u64, Vec<u8>)> {
        let stored = files.open(key).await.unwrap()?;
        let bytes: Vec<Bytes> = stored.chunks.try_collect().await.unwrap();
        Some((stored.size, bytes.concat()))
    }

    fn drafts(folder: &Path) -> usize {
        fs::read_dir(folder.join(DRAFTS)).unwrap().count()
    }

    #[tokio::test]
    async fn what_was_written_is_read_back_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::open(folder.path().join("files")).unwrap();
        let long = vec![7; CHUNK + 1_000];
        write(&files, KEY, &[b"begin", &long, b"end"]).await;
        let stored = files.open(KEY).await.unwrap().unwrap();
        let chunks: Vec<Bytes> = stored.chunks.try_collect().await.unwrap();
        assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.len() <= CHUNK));
        assert_eq!(chunks.concat(), [&b"begin"[..], &long, b"end"].concat());
        assert_eq!(stored.size, long.len() as u64 + 8);
        assert!(folder.path().join("files/ab/cd/abcd0000000040008000000000000001").exists());
        assert_eq!(read(&DiskFiles::open(folder.path().join("files")).unwrap(), KEY).await.unwrap().0, stored.size);
    }

    #[tokio::test]
    async fn a_file_is_not_there_before_it_is_whole_nor_after_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::open(folder.path()).unwrap();
        assert!(read(&files, KEY).await.is_none());
        let mut sink = files.create(KEY).await.unwrap();
        sink.write(Bytes::from_static(b"half")).await.unwrap();
        assert!(read(&files, KEY).await.is_none());
        sink.finish().await.unwrap();
        assert_eq!(read(&files, KEY).await, Some((4, b"half".to_vec())));
        files.delete(KEY).await.unwrap();
        files.delete(KEY).await.unwrap();
        assert!(read(&files, KEY).await.is_none());
    }

    #[tokio::test]
    async fn a_dropped_file_leaves_nothing_and_its_key_is_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::open(folder.path()).unwrap();
        let mut sink = files.create(KEY).await.unwrap();
        sink.write(Bytes::from_static(b"half")).await.unwrap();
        assert_eq!(drafts(folder.path()), 1);
        drop(sink);
        assert_eq!(drafts(folder.path()), 0);
        write(&files, KEY, &[b"whole"]).await;
        assert_eq!((read(&files, KEY).await, drafts(folder.path())), (Some((5, b"whole".to_vec())), 0));
    }

    #[tokio::test]
    async fn a_start_removes_what_a_crash_left_but_not_what_another_process_writes() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::open(folder.path()).unwrap();
        fs::write(folder.path().join(DRAFTS).join("leftover"), b"half").unwrap();
        let mut sink = files.create(KEY).await.unwrap();
        let other = DiskFiles::open(folder.path()).unwrap();
        assert_eq!(drafts(folder.path()), 1);
        sink.write(Bytes::from_static(b"whole")).await.unwrap();
        sink.finish().await.unwrap();
        assert_eq!(read(&other, KEY).await, Some((5, b"whole".to_vec())));
    }

    #[tokio::test]
    async fn a_file_that_was_cut_ends_with_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::open(folder.path()).unwrap();
        write(&files, KEY, &[b"whole"]).await;
        let stored = files.open(KEY).await.unwrap().unwrap();
        fs::OpenOptions::new().write(true).open(files.place(KEY).1).unwrap().set_len(2).unwrap();
        assert!(stored.chunks.try_collect::<Vec<Bytes>>().await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_and_folders_are_for_the_server_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::open(folder.path().join("files")).unwrap();
        write(&files, KEY, &[b"x"]).await;
        let ([outer, inner], file) = files.place(KEY);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for made in [&files.folder, &files.folder.join(DRAFTS), &outer, &inner] {
            assert_eq!(mode(made), 0o700, "{}", made.display());
        }
        assert_eq!(mode(&file), 0o600);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(DiskFiles::open(folder.path().join("file")).is_err());
    }
}
