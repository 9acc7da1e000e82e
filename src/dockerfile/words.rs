//! Expansion of words as the instructions of a Dockerfile have it. Source: Docker's Dockerfile reference, "Environment
//! replacement".

/// Looks a variable up.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The value of a word: variables replaced, quotes and escapes taken away. None where it holds what is not known here.
pub fn expand(word: &str, escape: char, lookup: Lookup<'_>) -> Option<String> {
    let mut expander = Expander {
        chars: word.chars().peekable(),
        escape,
        lookup,
    };
    let value = expander.until(None)?;
    Some(value)
}

struct Expander<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    escape: char,
    lookup: Lookup<'a>,
}

impl Expander<'_> {
    /// Up to `end`, or to the end of the word.
    fn until(&mut self, end: Option<char>) -> Option<String> {
        let mut value = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == end => return Some(value),
                '\'' => loop {
                    match self.chars.next()? {
                        '\'' => break,
                        c => value.push(c),
                    }
                },
                '"' => self.quoted(&mut value)?,
                '$' => value.push_str(&self.variable()?),
                c if c == self.escape => value.extend(self.chars.next()),
                c => value.push(c),
            }
        }
        end.is_none().then_some(value)
    }

    fn quoted(&mut self, value: &mut String) -> Option<()> {
        loop {
            match self.chars.next()? {
                '"' => return Some(()),
                '$' => value.push_str(&self.variable()?),
                c if c == self.escape => match self.chars.next()? {
                    c @ ('"' | '$') => value.push(c),
                    c if c == self.escape => value.push(c),
                    other => value.extend([c, other]),
                },
                c => value.push(c),
            }
        }
    }

    /// What stands behind a dollar sign.
    fn variable(&mut self) -> Option<String> {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return if name.is_empty() {
                Some("$".to_owned())
            } else {
                Some((self.lookup)(&name).unwrap_or_default())
            };
        }
        let name = self.name();
        if name.is_empty() {
            return None;
        }
        let found = (self.lookup)(&name);
        let mut empty_counts = false;
        let mut sign = self.chars.next()?;
        if sign == ':' {
            empty_counts = true;
            sign = self.chars.next()?;
        }
        let is_set = found
            .as_ref()
            .is_some_and(|v| !(empty_counts && v.is_empty()));
        match sign {
            '}' if !empty_counts => Some(found.unwrap_or_default()),
            '-' => {
                let word = self.until(Some('}'))?;
                Some(if is_set { found? } else { word })
            }
            '+' => {
                let word = self.until(Some('}'))?;
                Some(if is_set { word } else { String::new() })
            }
            '?' => {
                self.until(Some('}'))?;
                found.filter(|_| is_set)
            }
            _ => None,
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .chars
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_expanded_as_docker_does() {
        let lookup = |name: &str| match name {
            "V" => Some("1.2".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        };
        for (word, value) in [
            ("busybox:$V", Some("busybox:1.2")),
            ("a:${V}-x", Some("a:1.2-x")),
            ("${N:-b:${V}}", Some("b:1.2")),
            ("${E:-x}${E-x}", Some("x")),
            ("${V:+y}${N:+z}", Some("y")),
            ("${V:?m}", Some("1.2")),
            ("${N:?m}", None),
            ("\"a b\"'$V'\\$V", Some("a b$V$V")),
            ("$", Some("$")),
            ("${V%2}", None),
            ("${", None),
            ("\"", None),
            ("$N", Some("")),
        ] {
            assert_eq!(expand(word, '\\', &lookup).as_deref(), value, "{word}");
        }
    }
}
