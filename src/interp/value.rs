//! What an expression is worth: a text, or, in plans that run nothing, the step that would tell.

use crate::graph::plan::StepId;

/// The value of a variable or of an expanded word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// It is known.
    Known(String),
    /// It is known when this step has run.
    Undecided(StepId),
}

/// What stands for an undecided value where only text fits: in an environment, in an image's configuration.
pub const UNDECIDED: &str = "<undecided>";

impl Value {
    /// The text, if it is known.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Undecided(_) => None,
        }
    }

    /// The text, or what stands for it.
    pub fn text(&self) -> &str {
        self.known().unwrap_or(UNDECIDED)
    }

    /// The step that decides.
    pub fn decided_by(&self) -> Option<StepId> {
        match self {
            Self::Known(_) => None,
            Self::Undecided(step) => Some(*step),
        }
    }

    /// Puts parts together; one undecided part makes the whole undecided.
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut text = String::new();
        for part in parts {
            match part {
                Self::Known(known) => text.push_str(&known),
                undecided @ Self::Undecided(_) => return undecided,
            }
        }
        Self::Known(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Known(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Known(text)
    }
}
