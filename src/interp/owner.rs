//! Owners of what is copied and made: whether their names can be looked up at all.

use super::{
    error::{self, Result},
    exec::Exec,
    value::UNDECIDED,
};
use crate::graph::plan::{StepId, StepOp};

impl Exec {
    /// Refuses an owner by name where the file system certainly has no `/etc/passwd`: in `scratch`, and where only
    /// directories were made in it. A daemon fails on that late, and in words that lead nowhere.
    pub fn check_owner(&self, owner: &str, on: StepId) -> Result<()> {
        let name = owner.split(':').find(|part| needs_look_up(part));
        match name {
            Some(name) if !owner.contains(UNDECIDED) && self.has_no_names(on) => {
                Err(error::owner_in_scratch(owner, name))
            }
            _ => Ok(()),
        }
    }

    fn has_no_names(&self, mut step: StepId) -> bool {
        loop {
            step = match &self.session.plan.step(step).op {
                StepOp::Scratch | StepOp::Download(_) => return true,
                StepOp::MakeDir { on, .. } => *on,
                _ => return false,
            }
        }
    }
}

/// `root` is known everywhere.
fn needs_look_up(part: &str) -> bool {
    !part.is_empty() && part != "root" && part.parse::<u32>().is_err()
}
