//! Lines become a tree: recipes, and blocks within them.
//!
//! The open blocks stand on a stack of our own, so that a file of a hundred thousand `IF`s costs no stack frames; and
//! past [`MAX_DEPTH`] openers are reported and not opened, so that nobody who walks the tree needs to take care.

use super::{
    ast::{Block, Branch, Command, If, Keyword, Nested, Node, Recipe, RecipeKind, Statement, Try},
    docs::Docs,
    line::Line,
    problem,
    problems::Problems,
};
use crate::diag::Span;

/// How deep blocks may be nested.
const MAX_DEPTH: usize = 100;

/// A header that has been read.
pub(super) struct Header {
    pub name: String,
    pub name_span: Span,
    pub span: Span,
}

/// Builds base and recipes out of lines in the order of the file.
pub(super) struct Builder<'p> {
    problems: &'p mut Problems,
    base: Block,
    recipes: Vec<Recipe>,
    /// Innermost last.
    open: Vec<Open>,
    /// Openers beyond the depth that is allowed, whose `END`s are still to come.
    too_deep: usize,
    docs: Docs,
    /// The last command whose words contain `END`, on a line of its own or not.
    swallowed_end: Option<Span>,
    /// Whether the line before stood in the wrong column: a run of them is reported once.
    misplaced: bool,
}

/// A block that waits for its `END`.
struct Open {
    opener: Command,
    /// The part that is being filled.
    nodes: Vec<Node>,
    kind: Kind,
}

/// What kind of block, and the parts of it that are complete.
enum Kind {
    Nested,
    If {
        done: Vec<Branch>,
        /// The condition of the part that is being filled; none in `ELSE`.
        condition: Option<Command>,
    },
    Try {
        body: Option<Block>,
        catch: Option<Block>,
        part: Keyword,
    },
}

impl<'p> Builder<'p> {
    pub(super) fn new(problems: &'p mut Problems) -> Self {
        Self {
            problems,
            base: Block::default(),
            recipes: Vec::new(),
            open: Vec::new(),
            too_deep: 0,
            docs: Docs::default(),
            swallowed_end: None,
            misplaced: false,
        }
    }

    /// Where to report.
    pub(super) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    pub(super) fn comment(&mut self, span: Span, indent: u32, text: &str) {
        self.docs.comment(indent, text);
        self.push(Node::Comment(span));
    }

    pub(super) fn blank(&mut self, span: Span) {
        self.docs.clear();
        self.push(Node::Blank(span));
    }

    /// A header ends whatever is open.
    pub(super) fn header(&mut self, header: Header) {
        self.close_all();
        self.misplaced = false;
        let docs = self.docs.take(0);
        let kind = if header.name.starts_with(|c: char| c.is_ascii_uppercase()) {
            RecipeKind::Function
        } else {
            RecipeKind::Target
        };
        self.recipes.push(Recipe {
            kind,
            name: header.name,
            name_span: header.name_span,
            docs,
            body: Block::default(),
            span: header.span,
        });
    }

    /// A statement, or what was meant to be one. `indent` is the column of its first word.
    pub(super) fn line(&mut self, line: Line, indent: u32) {
        match line {
            Line::Bad(span) => {
                self.docs.clear();
                self.push(Node::Error(span));
            }
            Line::Command(mut command, end_in_words) => {
                command.docs = self.docs.take(indent);
                if end_in_words {
                    self.swallowed_end = Some(command.span);
                }
                self.check_column(&command, indent);
                self.command(*command);
            }
        }
    }

    /// The tree.
    pub(super) fn finish(mut self) -> (Block, Vec<Recipe>) {
        self.close_all();
        (self.base, self.recipes)
    }

    fn check_column(&mut self, command: &Command, indent: u32) {
        let in_base = self.recipes.is_empty();
        let fine = !self.open.is_empty()
            || self.too_deep > 0
            || command.keyword == Keyword::Version
            || in_base == (indent == 0);
        if !fine && !self.misplaced {
            let problem = match self.recipes.last() {
                None => problem::indented_base(command.keyword),
                Some(recipe) => problem::base_after_recipe(command.keyword, &recipe.name),
            };
            self.problems.push(command.keyword_span, problem);
        }
        self.misplaced = !fine;
    }

    fn command(&mut self, command: Command) {
        match command.keyword {
            Keyword::If | Keyword::For | Keyword::Wait | Keyword::Try | Keyword::WithDocker => {
                self.open_block(command);
            }
            Keyword::ElseIf | Keyword::Else | Keyword::Catch | Keyword::Finally | Keyword::End => {
                self.part(command);
            }
            _ => self.push(Node::Statement(Statement::Command(command))),
        }
    }

    fn open_block(&mut self, command: Command) {
        if self.open.len() >= MAX_DEPTH {
            if self.too_deep == 0 {
                self.problems
                    .push(command.keyword_span, problem::too_deep(MAX_DEPTH));
            }
            self.too_deep += 1;
            self.push(Node::Error(command.span));
            return;
        }
        let kind = match command.keyword {
            Keyword::If => Kind::If {
                done: Vec::new(),
                condition: Some(command.clone()),
            },
            Keyword::Try => Kind::Try {
                body: None,
                catch: None,
                part: Keyword::Try,
            },
            _ => Kind::Nested,
        };
        if matches!(command.keyword, Keyword::Wait | Keyword::Try) {
            self.no_words(&command);
        }
        self.open.push(Open {
            opener: command,
            nodes: Vec::new(),
            kind,
        });
    }

    fn no_words(&mut self, command: &Command) {
        if let Some(word) = command.args.first() {
            let problem = problem::words_after(command.keyword, &word.text);
            self.problems.push(word.span, problem);
        }
    }

    /// `ELSE IF`, `ELSE`, `CATCH`, `FINALLY`, `END`.
    fn part(&mut self, command: Command) {
        if command.keyword != Keyword::ElseIf {
            self.no_words(&command);
        }
        if self.too_deep > 0 {
            self.too_deep -= usize::from(command.keyword == Keyword::End);
            self.push(Node::Error(command.span));
            return;
        }
        if command.keyword == Keyword::End {
            match self.open.pop() {
                Some(open) => self.close(open, command.span.end),
                None => self.stray(&command),
            }
            return;
        }
        let Some(top) = self.open.last_mut() else {
            self.stray(&command);
            return;
        };
        let span = command.span;
        let Open { nodes, kind, .. } = top;
        let block = |nodes: &mut Vec<Node>| Block {
            nodes: std::mem::take(nodes),
        };
        match (kind, command.keyword) {
            (Kind::If { done, condition }, Keyword::ElseIf | Keyword::Else)
                if condition.is_some() =>
            {
                let before = condition.take().expect("the guard has seen it");
                done.push(Branch {
                    condition: before,
                    body: block(nodes),
                });
                if command.keyword == Keyword::ElseIf {
                    *condition = Some(command);
                }
            }
            (Kind::Try { body, part, .. }, Keyword::Catch) if *part == Keyword::Try => {
                *body = Some(block(nodes));
                *part = Keyword::Catch;
                self.problems.push(span, problem::catch_unsupported());
            }
            (Kind::Try { body, catch, part }, Keyword::Finally) if *part != Keyword::Finally => {
                let filled = if *part == Keyword::Try { body } else { catch };
                *filled = Some(block(nodes));
                *part = Keyword::Finally;
            }
            _ => self.stray(&command),
        }
    }

    fn stray(&mut self, command: &Command) {
        let open = self.open.last().map(|open| {
            let line = self.problems.location(open.opener.span).line();
            (open.opener.keyword, line)
        });
        let problem = problem::stray(command.keyword, open);
        self.problems.push(command.keyword_span, problem);
        self.push(Node::Error(command.span));
    }

    fn close(&mut self, open: Open, end: u32) {
        let Open {
            opener,
            nodes,
            kind,
        } = open;
        let span = Span {
            start: opener.span.start,
            end,
        };
        let last = Block { nodes };
        let statement = match kind {
            Kind::Nested => {
                let keyword = opener.keyword;
                let nested = Nested {
                    opener,
                    body: last,
                    span,
                };
                match keyword {
                    Keyword::For => Statement::For(nested),
                    Keyword::Wait => Statement::Wait(nested),
                    _ => Statement::WithDocker(nested),
                }
            }
            Kind::If {
                mut done,
                condition,
            } => {
                let otherwise = match condition {
                    Some(condition) => {
                        done.push(Branch {
                            condition,
                            body: last,
                        });
                        None
                    }
                    None => Some(last),
                };
                Statement::If(If {
                    branches: done,
                    otherwise,
                    span,
                })
            }
            Kind::Try { body, catch, part } => {
                let (body, catch, finally) = match part {
                    Keyword::Try => (last, None, None),
                    Keyword::Catch => (body.unwrap_or_default(), Some(last), None),
                    _ => (body.unwrap_or_default(), catch, Some(last)),
                };
                Statement::Try(Try {
                    opener,
                    body,
                    catch,
                    finally,
                    span,
                })
            }
        };
        self.push(Node::Statement(statement));
    }

    /// What is still open ends here, without an `END`.
    fn close_all(&mut self) {
        self.too_deep = 0;
        while let Some(open) = self.open.pop() {
            let start = open.opener.span;
            let swallowed = self
                .swallowed_end
                .filter(|at| at.start > start.start)
                .map(|at| self.problems.location(at));
            let problem = problem::unclosed_block(open.opener.keyword, swallowed);
            self.problems.push(open.opener.keyword_span, problem);
            let end = open.nodes.last().map_or(open.last_end(), |n| n.span().end);
            self.close(open, end);
        }
    }

    /// Appends to whatever is being filled.
    fn push(&mut self, node: Node) {
        if let Some(open) = self.open.last_mut() {
            open.nodes.push(node);
        } else if let Some(recipe) = self.recipes.last_mut() {
            recipe.span = recipe.span.to(node.span());
            recipe.body.nodes.push(node);
        } else {
            self.base.nodes.push(node);
        }
    }
}

impl Open {
    /// Where the block ends if its last part is empty.
    fn last_end(&self) -> u32 {
        let condition = match &self.kind {
            Kind::If { done, condition } => condition
                .as_ref()
                .map(|c| c.span.end)
                .or_else(|| done.last()?.body.nodes.last().map(|n| n.span().end))
                .or_else(|| done.last().map(|b| b.condition.span.end)),
            Kind::Try { body, catch, .. } => {
                let last = |b: &Option<Block>| b.as_ref()?.nodes.last().map(|n| n.span().end);
                last(catch).or_else(|| last(body))
            }
            Kind::Nested => None,
        };
        condition.unwrap_or(self.opener.span.end)
    }
}
