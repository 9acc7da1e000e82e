//! Options that exist so that command lines of the reference work. Those that configure the engine that the reference
//! brings along earn a note; the others concern its insides only.

use crate::diag::{Diagnostic, words};

/// Options without an effect.
#[derive(Debug, Clone, clap::Args)]
pub struct IgnoredArgs {
    /// Without effect: bld starts no engine of its own
    #[arg(long, value_name = "IMAGE", hide = true)]
    pub buildkit_image: Option<String>,

    /// Without effect: bld starts no engine of its own
    #[arg(long, value_name = "NAME", hide = true)]
    pub buildkit_container_name: Option<String>,

    /// Without effect: bld starts no engine of its own
    #[arg(long, value_name = "NAME", hide = true)]
    pub buildkit_volume_name: Option<String>,

    /// Without effect: bld starts no engine of its own
    #[arg(long, hide = true)]
    pub no_buildkit_update: bool,

    /// Without effect: bld starts no engine of its own
    #[arg(long, hide = true)]
    pub ticktock: bool,

    /// Without effect: images get to the daemon without a registry in between
    #[arg(long, hide = true)]
    pub disable_remote_registry_proxy: bool,

    /// Without effect
    #[arg(long, hide = true)]
    pub no_fake_dep: bool,

    /// Without effect
    #[arg(long, hide = true)]
    pub global_wait_end: bool,

    /// Without effect
    #[arg(long, hide = true)]
    pub profiler: bool,

    /// Without effect
    #[arg(long, value_name = "FILE", hide = true)]
    pub logstream_debug_file: Option<String>,

    /// Without effect
    #[arg(long, value_name = "FILE", hide = true)]
    pub logstream_debug_manifest_file: Option<String>,

    /// Without effect
    #[arg(long, value_name = "DURATION", hide = true)]
    pub server_conn_timeout: Option<String>,
}

impl IgnoredArgs {
    /// One note for all that configure an engine which bld does not start.
    pub fn remark(&self) -> Option<Diagnostic> {
        let given: Vec<&str> = [
            ("--buildkit-image", self.buildkit_image.is_some()),
            (
                "--buildkit-container-name",
                self.buildkit_container_name.is_some(),
            ),
            (
                "--buildkit-volume-name",
                self.buildkit_volume_name.is_some(),
            ),
            ("--no-buildkit-update", self.no_buildkit_update),
            ("--ticktock", self.ticktock),
        ]
        .into_iter()
        .filter_map(|(option, given)| given.then_some(option))
        .collect();
        let verb = match given.len() {
            0 => return None,
            1 => "has",
            _ => "have",
        };
        let message = format!("{} {verb} no effect", words::all(&given));
        Some(
            Diagnostic::note("option-without-effect", message).with_note(
                "bld starts no engine of its own: it builds in the BuildKit of Docker, or where `--engine` says",
            ),
        )
    }
}
