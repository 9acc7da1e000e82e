//! One image that is to be output.

use crate::{
    base::Platform,
    diag::{Diagnostic, Location},
    oci::ImageRef,
};

/// One `SAVE IMAGE` that takes effect: one image under one or several names.
#[derive(Debug, Clone)]
pub struct ImageRequest {
    /// The target it comes from, in its canonical form.
    pub target: String,
    /// Its names; none has a digest.
    pub names: Vec<ImageRef>,
    /// What it is for.
    pub platform: Platform,
    /// Whether the platform was chosen by the command line, `BUILD` or `FROM`.
    pub platform_chosen: bool,
    /// Whether it gets its names in the daemon.
    pub load: bool,
    /// Whether it is pushed.
    pub push: bool,
    /// `--insecure`.
    pub insecure: bool,
    /// `--no-manifest-list`.
    pub no_manifest_list: bool,
    /// The statement.
    pub at: Location,
}

impl ImageRequest {
    /// Whether it takes part in an index where it is pushed, and in names by platform where it is loaded.
    pub fn in_index(&self) -> bool {
        self.platform_chosen && !self.no_manifest_list
    }

    /// Whether anything is done with it.
    pub fn is_output(&self) -> bool {
        self.load || self.push
    }
}

/// Reads a name as `SAVE IMAGE` gives it: a name with a digest cannot be given to a new image.
pub fn parse_name(text: &str, at: &Location) -> Result<ImageRef, Box<Diagnostic>> {
    let error = |message: String| Box::new(Diagnostic::error("image-name", message).at(at.clone()));
    let name = ImageRef::parse(text)
        .map_err(|reason| error(format!("cannot save image as `{text}`: {reason}")))?;
    if name.digest.is_some() {
        return Err(error(format!(
            "cannot save image as `{text}`: a name with a digest belongs to one image already"
        )));
    }
    Ok(name)
}
