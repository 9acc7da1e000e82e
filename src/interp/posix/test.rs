//! `test` and `[`: strings and numbers, by the number of arguments as POSIX has it. Files are not looked at.

/// Whether `test` with these arguments gives 0; none where that is not agreed upon or needs more than the arguments.
pub(super) fn evaluate(args: &[String]) -> Option<bool> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Some(false),
        [text] => Some(!text.is_empty()),
        ["!", text] => Some(text.is_empty()),
        [operator, text] => unary(operator, text),
        [left, operator, right] if is_binary(operator) => {
            // Some shells see a bracketed or a negated expression in these.
            if matches!(*left, "!" | "(") || matches!(*right, ")") {
                return None;
            }
            binary(left, operator, right)
        }
        ["!", rest @ ..] if rest.len() < 4 => evaluate(&args[1..]).map(|value| !value),
        words => connected(words),
    }
}

fn unary(operator: &str, text: &str) -> Option<bool> {
    match operator {
        "-n" => Some(!text.is_empty()),
        "-z" => Some(text.is_empty()),
        _ => None,
    }
}

fn is_binary(operator: &str) -> bool {
    matches!(
        operator,
        "=" | "!=" | "-eq" | "-ne" | "-gt" | "-ge" | "-lt" | "-le"
    )
}

fn binary(left: &str, operator: &str, right: &str) -> Option<bool> {
    match operator {
        "=" => return Some(left == right),
        "!=" => return Some(left != right),
        _ => {}
    }
    let (left, right) = (number(left)?, number(right)?);
    Some(match operator {
        "-eq" => left == right,
        "-ne" => left != right,
        "-gt" => left > right,
        "-ge" => left >= right,
        "-lt" => left < right,
        _ => left <= right,
    })
}

/// A number that every shell reads alike: decimal, without blanks, sign `+` or leading zeros.
fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    let plain = !leading_zero && digits.len() < 19 && digits.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Primaries with `-a` and `-o` between them. Only where no operand could be taken for an operator, so that there is one
/// way to read it.
fn connected(words: &[&str]) -> Option<bool> {
    let mut words = words;
    let (mut any, mut all) = (false, true);
    loop {
        let (value, rest) = primary(words)?;
        all &= value;
        match rest {
            [] => return Some(any | all),
            ["-a", rest @ ..] => words = rest,
            ["-o", rest @ ..] => {
                any |= all;
                all = true;
                words = rest;
            }
            _ => return None,
        }
    }
}

fn primary<'w, 's>(words: &'w [&'s str]) -> Option<(bool, &'w [&'s str])> {
    match words {
        [operator @ ("-n" | "-z"), text, rest @ ..] if is_operand(text) => {
            Some((unary(operator, text)?, rest))
        }
        [left, operator, right, rest @ ..]
            if is_binary(operator) && is_operand(left) && is_operand(right) =>
        {
            Some((binary(left, operator, right)?, rest))
        }
        [text, rest @ ..] if is_operand(text) => Some((!text.is_empty(), rest)),
        _ => None,
    }
}

fn is_operand(text: &str) -> bool {
    !text.starts_with('-')
        && !matches!(text, "!" | "(" | ")" | "=" | "==" | "!=" | "<" | ">" | "=~")
}
