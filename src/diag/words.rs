//! Helpers for sentences: lists, plurals, near-miss names.

/// `a`, `a or b`, `a, b or c`, each in backquotes.
pub fn either<S: AsRef<str>>(items: &[S]) -> String {
    joined(items, "or")
}

/// `a`, `a and b`, `a, b and c`, each in backquotes.
pub fn all<S: AsRef<str>>(items: &[S]) -> String {
    joined(items, "and")
}

fn joined<S: AsRef<str>>(items: &[S], last: &str) -> String {
    let quoted: Vec<String> = items.iter().map(|i| format!("`{}`", i.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., back] => format!("{} {last} {back}", front.join(", ")),
    }
}

/// `1 problem`, `2 problems`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// The valid name that is nearest to what was written, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).clamp(1, 3);
    valid
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(d, name)| *d <= limit && *d < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// Edits between two words; swapping two neighbours counts as one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let differs = usize::from(!a[i - 1].eq_ignore_ascii_case(&b[j - 1]));
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        assert_eq!(nearest("imgae", ["image", "test"]), Some("image"));
        assert_eq!(nearest("no-cahce", ["no-cache", "push"]), Some("no-cache"));
        assert_eq!(nearest("x", ["image", "test"]), None);
        assert_eq!(
            nearest("a", ["b"]),
            None,
            "one letter is never meant to be another"
        );
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(either(&["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(all(&["a"]), "`a`");
        assert_eq!(
            (count(1, "problem"), count(2, "problem")),
            ("1 problem".into(), "2 problems".into())
        );
    }
}
