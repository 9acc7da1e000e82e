//! The command line and the commands that run no step. No daemon is needed here.

mod options;
mod plan_and_check;
