//! Merging of file systems, and their difference. Not every daemon can do it (`Capability::Merge`).

use std::sync::Arc;

use super::vertex::{Edge, Inputs, Op, State, Vertex};
use crate::events::Label;

/// All layers of all states, the last one wins. One state is itself; none is scratch.
pub fn merge(states: &[State], label: Arc<Label>) -> State {
    let edges: Vec<Edge> = states.iter().flatten().cloned().collect();
    if edges.len() < 2 {
        return edges.into_iter().next();
    }
    // The same result twice is two layers here, so the inputs are not reduced.
    let caps = ["mergeop"].into_iter().collect();
    Some(Edge {
        vertex: Vertex::new(Op::Merge, edges, None, caps, false, label),
        output: 0,
    })
}

/// What `upper` has and `lower` has not.
pub fn diff(lower: &State, upper: &State, label: Arc<Label>) -> State {
    if lower == upper {
        return None;
    }
    if lower.is_none() {
        return upper.clone();
    }
    let mut inputs = Inputs::default();
    let op = Op::Diff {
        lower: inputs.index(lower),
        upper: inputs.index(upper),
    };
    let caps = ["diffop"].into_iter().collect();
    Some(Edge {
        vertex: Vertex::new(op, inputs.0, None, caps, false, label),
        output: 0,
    })
}
