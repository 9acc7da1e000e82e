//! A terminal for a command that is an ordinary step, so that what it changes is part of the build.
//!
//! Containers with terminals are something that a BuildKit throws away. So the step runs bld itself, which is one static
//! file, mounted where no result holds it: [`inside`] makes a pseudo-terminal in the step, starts the command there, and
//! calls through a socket that is forwarded to this side, where [`outside`] joins it to the terminal of the user.

mod frame;
pub mod inside;
pub mod outside;

use crate::llb::terminal::WORD;
