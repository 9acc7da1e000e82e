//! The syntax tree of one build file.
//!
//! Every node has its [`Span`]; a parent's span holds its children's, in order. Comments and blank lines are nodes, so
//! that a formatter can print the file again. A line that cannot be read is an [`Node::Error`] and costs nothing else.

use std::sync::Arc;

use crate::diag::{SourceFile, Span};

use super::{dialect::Version, flag_reader::truth};

/// A build file.
#[derive(Debug, Clone)]
pub struct BuildFile {
    /// Where the text came from; spans point into it.
    pub source: Arc<SourceFile>,
    /// The `VERSION` statement; none is a problem that has been reported.
    pub version: Option<Version>,
    /// Everything above the first header: version, base statements, comments.
    pub base: Block,
    /// Targets and functions in the order of the file.
    pub recipes: Vec<Recipe>,
}

impl BuildFile {
    /// The target of this name; of two with one name (reported) the first.
    pub fn target(&self, name: &str) -> Option<&Recipe> {
        self.recipes
            .iter()
            .find(|r| r.kind == RecipeKind::Target && r.name == name)
    }

    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Recipe> {
        self.recipes
            .iter()
            .find(|r| r.kind == RecipeKind::Function && r.name == name)
    }

    /// The names of all targets, in the order of the file.
    pub fn target_names(&self) -> impl Iterator<Item = &str> {
        self.recipes
            .iter()
            .filter(|r| r.kind == RecipeKind::Target)
            .map(|r| r.name.as_str())
    }

    /// The names of all functions, in the order of the file.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        self.recipes
            .iter()
            .filter(|r| r.kind == RecipeKind::Function)
            .map(|r| r.name.as_str())
    }
}

/// What a header introduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecipeKind {
    /// `name:` with a lower-case first letter.
    Target,
    /// `NAME:`.
    Function,
}

/// A target or a function.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Which of the two.
    pub kind: RecipeKind,
    /// Its name, without the colon.
    pub name: String,
    /// The name in the header.
    pub name_span: Span,
    /// The documentation comment above it, `#` and the first line's indentation removed.
    pub docs: Option<String>,
    /// Statements, comments and blank lines.
    pub body: Block,
    /// From the header to the last line that belongs to it.
    pub span: Span,
}

/// Statements in a row.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// In the order of the file.
    pub nodes: Vec<Node>,
}

impl Block {
    /// The statements, without comments, blank lines and unreadable lines.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.nodes.iter().filter_map(|n| match n {
            Node::Statement(s) => Some(s),
            _ => None,
        })
    }
}

/// One line, or one block of lines.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every node is a statement: a box would cost more than it saves"
)]
pub enum Node {
    /// A command or a block.
    Statement(Statement),
    /// A whole-line comment with its `#`, without its line end.
    Comment(Span),
    /// One or more blank lines.
    Blank(Span),
    /// A line that could not be read; it has been reported.
    Error(Span),
}

impl Node {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Statement(s) => s.span(),
            Self::Comment(s) | Self::Blank(s) | Self::Error(s) => *s,
        }
    }
}

/// Something that is executed.
#[derive(Debug, Clone)]
pub enum Statement {
    /// A single command.
    Command(Command),
    /// `IF … ELSE IF … ELSE … END`.
    If(If),
    /// `FOR … END`.
    For(Nested),
    /// `WAIT … END`.
    Wait(Nested),
    /// `WITH DOCKER … END`.
    WithDocker(Nested),
    /// `TRY … CATCH … FINALLY … END`.
    Try(Try),
}

impl Statement {
    /// Where it stands: a command's whole logical line, a block from opener to `END`.
    pub fn span(&self) -> Span {
        match self {
            Self::Command(c) => c.span,
            Self::If(s) => s.span,
            Self::For(s) | Self::Wait(s) | Self::WithDocker(s) => s.span,
            Self::Try(s) => s.span,
        }
    }
}

/// A block with one opener and one body: `FOR`, `WAIT`, `WITH DOCKER`.
#[derive(Debug, Clone)]
pub struct Nested {
    /// The opening line; its keyword says which block it is.
    pub opener: Command,
    /// What stands inside.
    pub body: Block,
    /// From the opener to `END`.
    pub span: Span,
}

/// `IF` with all its branches.
#[derive(Debug, Clone)]
pub struct If {
    /// `IF` and every `ELSE IF`, in order; never empty.
    pub branches: Vec<Branch>,
    /// `ELSE`.
    pub otherwise: Option<Block>,
    /// From `IF` to `END`.
    pub span: Span,
}

/// A condition and what it guards.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The `IF` or `ELSE IF` line: flags and the words of the condition.
    pub condition: Command,
    /// What runs when the condition exits with 0.
    pub body: Block,
}

/// `TRY` with its parts.
#[derive(Debug, Clone)]
pub struct Try {
    /// The `TRY` line.
    pub opener: Command,
    /// Between `TRY` and the next part.
    pub body: Block,
    /// `CATCH`; parsed, never executed.
    pub catch: Option<Block>,
    /// `FINALLY`.
    pub finally: Option<Block>,
    /// From `TRY` to `END`.
    pub span: Span,
}

/// One logical line: keyword, flags, arguments.
#[derive(Debug, Clone)]
pub struct Command {
    /// Which command.
    pub keyword: Keyword,
    /// The keyword in the text.
    pub keyword_span: Span,
    /// The flags in front of the arguments, as the command's flag table reads them.
    pub flags: Vec<Flag>,
    /// The words after the flags, grouped as section 1.7 of the language says. Not expanded, quotes still on.
    /// For an assignment (`ARG`, `LET`, `SET`, `ENV`) empty: see `assignments`.
    pub args: Vec<Word>,
    /// `["a", "b"]` where the command knows an exec form and its words are a JSON list of strings.
    pub exec: Option<Vec<String>>,
    /// `key=value` of `ARG`, `LET`, `SET`, `ENV` (one) and `LABEL` (any number).
    pub assignments: Vec<Assignment>,
    /// The here-documents that its words open, in order; only in files with `VERSION --extended`.
    pub documents: Vec<Document>,
    /// The documentation comment above it.
    pub docs: Option<String>,
    /// The whole logical line, without indentation and without the line end; with here-documents up to the end of the
    /// last.
    pub span: Span,
}

/// A here-document: `<<NAME`, and the lines below the statement up to `NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What ends it, without quotes.
    pub name: String,
    /// Whether the name is quoted: then nothing in the text is expanded.
    pub quoted: bool,
    /// `<<-`: tabs at the beginning of lines are not part of the text.
    pub indented: bool,
    /// Its lines as they are written, without the last that only holds the name.
    pub raw: String,
    /// The word that opens it.
    pub opener: Span,
    /// From its first line to the end of the name.
    pub span: Span,
}

impl Document {
    /// Its lines, without the tabs in front where those do not count.
    pub fn text(&self) -> String {
        if !self.indented {
            return self.raw.clone();
        }
        let lines = self.raw.split_inclusive('\n');
        lines.map(|line| line.trim_start_matches('\t')).collect()
    }
}

impl Command {
    /// The statement's own line, without here-documents.
    pub fn line(&self) -> Span {
        let words = self.args.iter().map(|word| word.span);
        let flags = self.flags.iter().map(|flag| flag.span);
        match self.documents.first() {
            Some(_) => flags.chain(words).fold(self.keyword_span, Span::to),
            None => self.span,
        }
    }

    /// The here-document that a word is, and nothing else.
    pub fn document(&self, word: &Word) -> Option<&Document> {
        let bare = word.text.starts_with("<<");
        let mut documents = self.documents.iter();
        documents.find(|document| bare && document.opener == word.span)
    }

    /// The last flag of this name, without the dashes.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().rev().find(|f| f.name == name)
    }

    /// Whether a switch is on: written, and not with a value that says false (language specification, 1.8).
    /// What cannot be read counts as off: it has been reported, or is for `RUN` to expand.
    pub fn is_on(&self, name: &str) -> bool {
        self.switch(name) == Some(true)
    }

    /// Whether a switch of a `RUN` can be on: what is only known when its value is expanded counts.
    pub fn may_be_on(&self, name: &str) -> bool {
        self.flag(name).is_some() && self.switch(name) != Some(false)
    }

    /// What a switch that is written says; none where that cannot be read.
    fn switch(&self, name: &str) -> Option<bool> {
        match &self.flag(name)?.value {
            Some(value) => truth(&value.text),
            None => Some(true),
        }
    }

    /// Every flag of this name, in order.
    pub fn flags_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Flag> {
        self.flags.iter().filter(move |f| f.name == name)
    }

    /// The script of a shell form: the words after the flags, joined by single spaces, and the here-documents that the
    /// shell is to read behind them. A here-document without a command is the script itself.
    pub fn shell_text(&self) -> String {
        if let [word] = self.args.as_slice()
            && let Some(document) = self.document(word)
        {
            return document.text();
        }
        let words: Vec<&str> = self.args.iter().map(|w| w.text.as_str()).collect();
        let mut text = words.join(" ");
        for document in &self.documents {
            text.push('\n');
            text.push_str(&document.raw);
            text.push_str(&document.name);
        }
        text
    }
}

/// `--name`, `--name=value` or `--name value`.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The long name, as the flag table spells it (a short flag gives its long name).
    pub name: &'static str,
    /// The value as written, C-like escapes of a quoted value already read; none for a bare switch.
    pub value: Option<Word>,
    /// Flag and value.
    pub span: Span,
}

/// One argument: continuations removed, quotes, escapes and `$` still as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `key=value`, `key value` or `key`.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The key, not expanded.
    pub key: Word,
    /// The value: the rest of the logical line, continuations removed. None where there is no value (`ARG K`, `ARG K=`,
    /// `ENV K`).
    pub value: Option<Word>,
}

/// Declares the keywords once: variant, spelling.
macro_rules! keywords {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A keyword at the start of a statement.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the spelling is the documentation")]
        pub enum Keyword { $($variant,)* }

        impl Keyword {
            /// Every keyword.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is written.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The keyword of this spelling, with single spaces.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

keywords! {
    Add = "ADD",
    Arg = "ARG",
    Build = "BUILD",
    Cache = "CACHE",
    Catch = "CATCH",
    Cmd = "CMD",
    Command = "COMMAND",
    Copy = "COPY",
    Do = "DO",
    Else = "ELSE",
    ElseIf = "ELSE IF",
    End = "END",
    Entrypoint = "ENTRYPOINT",
    Env = "ENV",
    Expose = "EXPOSE",
    Finally = "FINALLY",
    For = "FOR",
    From = "FROM",
    FromDockerfile = "FROM DOCKERFILE",
    Function = "FUNCTION",
    GitClone = "GIT CLONE",
    Healthcheck = "HEALTHCHECK",
    Host = "HOST",
    If = "IF",
    Import = "IMPORT",
    Label = "LABEL",
    Let = "LET",
    Locally = "LOCALLY",
    Onbuild = "ONBUILD",
    Project = "PROJECT",
    Run = "RUN",
    SaveArtifact = "SAVE ARTIFACT",
    SaveImage = "SAVE IMAGE",
    Set = "SET",
    Shell = "SHELL",
    Stopsignal = "STOPSIGNAL",
    Try = "TRY",
    User = "USER",
    Version = "VERSION",
    Volume = "VOLUME",
    Wait = "WAIT",
    WithDocker = "WITH DOCKER",
    Workdir = "WORKDIR",
}
