//! The folder `target/site`: what is in it, whether it is fresh, and writing it.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Below this a compressed copy saves nothing that a packet would notice.
const COMPRESS_FROM_BYTES: usize = 512;

/// Everything that decides what the site contains.
pub struct Inputs {
    pub compiled: Vec<u8>,
    /// Scripts beside the islands, by name.
    pub scripts: BTreeMap<String, Vec<u8>>,
    pub stylesheet: String,
    pub public: BTreeMap<String, Vec<u8>>,
    pub recipe: Vec<u8>,
}

pub struct Size {
    pub name: String,
    pub plain_bytes: usize,
    pub brotli_bytes: usize,
}

pub struct Site {
    folder: PathBuf,
    /// Fingerprint of the inputs of the last finished build; outside the folder, so that it is not embedded.
    stamp: PathBuf,
}

impl Site {
    pub fn new(root: &Path) -> Self {
        Self { folder: root.join("target/site"), stamp: root.join("target/site.stamp") }
    }

    pub fn is_built_from(&self, inputs: &Inputs) -> bool {
        self.folder.exists() && fs::read_to_string(&self.stamp).is_ok_and(|it| it == fingerprint(inputs))
    }

    /// Writes `packed` below `pkg/` and the public files beside it, with compressed copies, and removes what
    /// does not belong there. Files that stay the same are not touched: the server is rebuilt by their times.
    pub fn write(&self, inputs: &Inputs, packed: BTreeMap<String, Vec<u8>>, dev: bool) -> Result<Vec<Size>> {
        // A build that dies half-way must not look finished.
        let _ = fs::remove_file(&self.stamp);
        let version = version_of(&packed);
        let mut files = BTreeMap::new();
        let mut sizes = Vec::new();
        for (name, bytes) in packed {
            let brotli_bytes = add_with_copies(&mut files, format!("pkg/{name}"), &bytes, dev)?;
            sizes.push(Size { name, plain_bytes: bytes.len(), brotli_bytes });
        }
        for (name, bytes) in &inputs.public {
            add_with_copies(&mut files, name.clone(), bytes, dev)?;
        }
        files.insert("version".to_owned(), version.into_bytes());

        for stale in files_below(&self.folder)? {
            if !files.contains_key(&name_below(&self.folder, &stale)?) {
                fs::remove_file(stale)?;
            }
        }
        for (name, bytes) in &files {
            write_if_changed(&self.folder.join(name), bytes)?;
        }
        fs::write(&self.stamp, fingerprint(inputs))?;
        Ok(sizes)
    }
}

/// Adds the file and, unless this is a quick build, its compressed copies. Returns the size with brotli.
fn add_with_copies(
    files: &mut BTreeMap<String, Vec<u8>>,
    name: String,
    bytes: &[u8],
    dev: bool,
) -> Result<usize> {
    let mut smallest = bytes.len();
    if !dev && bytes.len() >= COMPRESS_FROM_BYTES {
        let br = brotli(bytes)?;
        // Pictures and fonts are compressed already; a copy that is no smaller is not worth its place.
        if br.len() < bytes.len() {
            smallest = br.len();
            files.insert(format!("{name}.br"), br);
            files.insert(format!("{name}.gz"), gzip(bytes)?);
        }
    }
    files.insert(name, bytes.to_vec());
    Ok(smallest)
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut out, &params)?;
    Ok(out)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn fingerprint(inputs: &Inputs) -> String {
    let public = inputs.public.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]);
    let scripts = inputs.scripts.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]);
    let others = [&*inputs.compiled, inputs.stylesheet.as_bytes(), &*inputs.recipe];
    hash(others.into_iter().chain(scripts).chain(public))
}

fn version_of(packed: &BTreeMap<String, Vec<u8>>) -> String {
    let mut version = hash(packed.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]));
    version.truncate(16);
    version
}

/// Each part goes in with its length, so that moving a byte from one part to the next changes the result.
fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|it| it == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// The files of `public/`, by name; what starts with a dot is not for the public.
pub fn public_files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = read_below(folder)?;
    files.retain(|name, _| !name.split('/').any(|part| part.starts_with('.')));
    Ok(files)
}

pub fn read_below(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    files_below(folder)?.into_iter().map(|path| Ok((name_below(folder, &path)?, fs::read(&path)?))).collect()
}

/// All files below a folder, sorted by path; none when it does not exist.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                files.append(&mut files_below(&path)?);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn name_below(folder: &Path, path: &Path) -> Result<String> {
    let parts: Option<Vec<_>> = path.strip_prefix(folder)?.iter().map(|it| it.to_str()).collect();
    Ok(parts.with_context(|| format!("{} is not UTF-8", path.display()))?.join("/"))
}
