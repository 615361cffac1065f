//! Files, which are there or not.

use std::fs;
use std::io;
use std::path::PathBuf;

use perennial::resource::{Release, Releaser, Shared};
use tempfile::NamedTempFile;

use crate::scene::{Scene, play};

/// A file that goes with its last reference.
struct Blob(PathBuf);

impl Release for Blob {
    type Error = io::Error;

    async fn release(self) -> io::Result<()> {
        fs::remove_file(self.0)
    }
}

/// A temporary file becomes a blob: from there on, the last reference removes it.
fn hand_over(releaser: &Releaser, file: NamedTempFile) -> Shared<Blob> {
    let path = file.into_temp_path().keep().expect("it can be kept");
    releaser.open("blob", Blob(path))
}

#[test]
fn res_05_a_file_is_there_until_the_last_close() {
    // L9. And not after it.
    play(async |Scene { releaser, .. }| {
        let blob = hand_over(&releaser, NamedTempFile::new().expect("a file"));
        let path = blob.0.clone();
        let second = blob.dup();
        blob.close().await.expect("it is not the last");
        assert!(path.exists());
        second.close().await.expect("it is removed");
        assert!(!path.exists());
    });
}

#[test]
fn res_06_a_file_that_is_not_handed_over_goes_with_its_holder() {
    // L9. Once it was handed over, only the last reference matters.
    play(async |Scene { releaser, .. }| {
        let file = NamedTempFile::new().expect("a file");
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
        let blob = hand_over(&releaser, NamedTempFile::new().expect("a file"));
        let path = blob.0.clone();
        assert!(path.exists());
        blob.close().await.expect("it is removed");
        assert!(!path.exists());
    });
}

#[test]
fn a_release_that_the_system_refuses_is_the_error_of_the_close() {
    // L3. With the error of the system at its end.
    play(async |Scene { releaser, .. }| {
        let blob = hand_over(&releaser, NamedTempFile::new().expect("a file"));
        fs::remove_file(&blob.0).expect("it is there");
        let error = blob.close().await.expect_err("it is gone");
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let cause = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        assert_eq!(cause, Some(io::ErrorKind::NotFound));
    });
}
