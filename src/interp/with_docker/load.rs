//! `--load`: a target whose image is given to the inner Docker.

use std::sync::Arc;

use super::images::Image;
use crate::{
    diag::Location,
    graph::{ledger::LinkKind, plan::StepOp},
    interp::{
        args::{in_parens, last_wins},
        error::{self, Result},
        exec::{Exec, Pending},
        expand::{How, REFERENCE},
        state::Current,
        value::UNDECIDED,
        visits::Finished,
    },
    oci::ImageRef,
    syntax::ast::{Command, Word},
};

/// A target that is being built.
pub(super) struct Load {
    /// The name to load it under; none takes that of its `SAVE IMAGE`.
    name: Option<String>,
    /// The reference, for messages.
    pub target: String,
    pending: Pending,
}

/// Reads `[name=]target` or `[name=](target --arg=value)` and starts the target. None in plans where nobody can say which
/// target it is.
pub(super) async fn start(
    exec: &mut Exec,
    opener: &Command,
    word: &Word,
    current: &Current,
) -> Result<Option<Load>> {
    let place = exec.place(word);
    let (name, reference) = split(&word.text);
    let part = |text: &str| Word {
        text: text.to_owned(),
        span: word.span,
    };
    let mut name = match name {
        Some(name) => Some(exec.expand_text(&part(name), How::default()).await?),
        None => None,
    };
    let reference = part(reference);
    let (reference, words) = match in_parens(&reference) {
        Some(parts) => {
            let mut parts = parts.map_err(|e| e.at(&place))?;
            let reference = parts.remove(0);
            (reference, parts)
        }
        None => (reference, Vec::new()),
    };
    let value = exec.expand(&reference, REFERENCE).await?;
    let Some(text) = value.known() else {
        exec.push(StepOp::Undecided {
            by: value.decided_by(),
            why: format!(
                "which target `{}` names is not known before",
                reference.text
            ),
        });
        return Ok(None);
    };
    // A variable may hold name and reference.
    let (own_name, text) = split(text);
    if let (None, Some(own_name)) = (&name, own_name) {
        name = Some(own_name.to_owned());
    }
    if let Some(name) = name.as_deref().filter(|name| !name.contains(UNDECIDED)) {
        ImageRef::parse(name).map_err(|why| error::bad_image(name, &why).at(&place))?;
    }
    let target = Exec::target_ref(text).map_err(|e| e.at(&place))?;
    exec.note_allow_privileged(opener, &target.place);
    let args = last_wins(exec.build_args(opener, &words).await?);
    let start = exec
        .start_of(opener, &target, args, current.clone(), false)
        .await
        .map_err(|e| e.at(&place))?;
    let Some((entry, edge)) = exec.reach_at(start, LinkKind::Load, place.clone())? else {
        return Ok(None);
    };
    let at = place;
    Ok(Some(Load {
        name,
        target: text.to_owned(),
        pending: Pending { entry, edge, at },
    }))
}

/// Splits at the first `=`, unless it stands behind a blank and so belongs to an argument.
fn split(text: &str) -> (Option<&str>, &str) {
    let first = text.split([' ', '\t', '\n']).next().unwrap_or_default();
    match first.split_once('=') {
        Some((name, _)) if !name.contains(['(', '+']) => (Some(name), &text[name.len() + 1..]),
        _ => (None, text),
    }
}

impl Load {
    /// The place of the flag.
    pub(super) fn at(&self) -> &Location {
        &self.pending.at
    }

    /// Waits for the target and gives its image, under each of its names.
    pub(super) async fn image(&self) -> Result<Image> {
        let outcome = self.pending.entry.outcome().await;
        let target = outcome.map_err(|failure| failure.called_from(self.at()))?;
        self.image_of(&target).map_err(|e| e.at(self.at()))
    }

    fn image_of(&self, target: &Finished) -> Result<Image> {
        let state = &target.state;
        let name = match (&self.name, state.image_names.as_slice()) {
            (Some(name), _) => name,
            (None, [name]) => name,
            (None, names) => return Err(error::no_load_name(&self.target, names)),
        };
        let (fs, config) = match &state.last_image {
            Some(image) => (image.fs, Arc::clone(&image.config)),
            None => {
                let fs = state
                    .fs
                    .ok_or_else(|| error::nothing_to_load(&self.target))?;
                (fs, Arc::new(state.config.clone()))
            }
        };
        Ok(Image {
            name: super::images::tagged(name)?,
            fs,
            config,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_name_stands_in_front_of_the_first_equals_sign_that_is_no_arguments() {
        assert_eq!(split("+t"), (None, "+t"));
        assert_eq!(split("a:b=+t"), (Some("a:b"), "+t"));
        assert_eq!(split("(+t --a=b)"), (None, "(+t --a=b)"));
        assert_eq!(
            split("host:99/a/b:c=(+t --a=b --c d)"),
            (Some("host:99/a/b:c"), "(+t --a=b --c d)")
        );
        assert_eq!(split("$NAME=./d+t"), (Some("$NAME"), "./d+t"));
    }
}
