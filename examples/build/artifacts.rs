//! What a target has become: files by their contents.

use perennial::solver::{BoxError, Codec, Identity};
use perennial::store::{Blob, Digest};
use serde::{Deserialize, Serialize};

/// The outputs of a target, in the order of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Artifacts(pub(crate) Vec<Artifact>);

/// A file that a command has made, and where it belongs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) path: String,
    digest: String,
    size: u64,
    pub(crate) mode: u32,
}

/// How artifacts are stored: as JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArtifactsCodec;

impl Artifact {
    pub(crate) fn new(path: String, blob: Blob, mode: u32) -> Self {
        Self {
            path,
            digest: blob.digest.to_string(),
            size: blob.size,
            mode,
        }
    }

    /// Its contents.
    pub(crate) fn blob(&self) -> Result<Blob, BoxError> {
        Ok(Blob::new(self.digest.parse()?, self.size))
    }
}

impl Artifacts {
    /// What it is to those that are made of it.
    pub(crate) fn digest(&self) -> Digest {
        let mut identity = Identity::new("artifacts");
        for artifact in &self.0 {
            identity.add(&artifact.path).add(&artifact.digest);
            identity.add(artifact.mode.to_le_bytes());
        }
        identity.digest()
    }
}

impl Codec<Artifacts> for ArtifactsCodec {
    fn encode(&self, value: &Artifacts) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Artifacts, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
