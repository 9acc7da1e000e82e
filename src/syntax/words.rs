//! The inside of a word: quotes, escapes, `$X`, `${X:-w}`, `$(…)` (language specification, 1.6 and 1.13).

/// A part of a word. Evaluating the pieces in order and joining the results gives the word's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands for itself; quotes and escapes are already read.
    Literal(String),
    /// `$X` or `${X…}`.
    Variable {
        /// The name; digits and `@ * # ? - ! 0` name nothing and give the empty string.
        name: String,
        /// What follows the name inside the braces.
        modifier: Option<Modifier>,
    },
    /// `$(…)`: the text between the parentheses, as the shell is to get it.
    ShellOut(String),
}

/// What `${X…}` does with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modifier {
    /// `:-w`: `w` if unset or empty.
    Default(Vec<Piece>),
    /// `:+w`: `w` if neither unset nor empty.
    Alternative(Vec<Piece>),
    /// `:?m` and `?m`: an error with `m`.
    Required {
        /// The text of the error.
        message: Vec<Piece>,
        /// Whether an empty value is an error, too (`:?`).
        or_empty: bool,
    },
    /// `#p`: the literal prefix `p` is taken off.
    StripPrefix(Vec<Piece>),
    /// `%p`: the literal suffix `p` is taken off.
    StripSuffix(Vec<Piece>),
}
