//! The command line and the commands that run no step. No daemon is needed here.

mod config;
mod ls_and_doc;
mod machine;
mod options;
mod plan_and_check;
