//! Which of several things a complaint about all of them is about.

/// What is to blame for a complaint: the index of a thing, or nothing of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blame {
    pub(super) culprit: Option<usize>,
    pub(super) complaint: String,
}

/// Takes away one thing after the other until `complain` has nothing to say of
/// those that are left; what it says whatever is taken away is told at last.
/// `complaint` is what it says of all `count` things.
pub(super) fn blame(
    count: usize,
    complaint: String,
    mut complain: impl FnMut(&[usize]) -> Option<String>,
) -> Vec<Blame> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut complaint = Some(complaint);
    let mut all = Vec::new();
    while let Some(said) = complaint.take() {
        let without = (0..left.len()).map(|index| {
            let mut others = left.clone();
            let one = others.remove(index);
            let says = complain(&others);
            (one, others, says)
        });
        let others = without.filter(|(_, _, says)| says.as_ref() != Some(&said));
        // Without whom all is well: others may only need one that is missed now.
        let culprit = others.min_by_key(|(_, _, says)| says.is_some());
        all.push(Blame {
            culprit: culprit.as_ref().map(|(one, ..)| *one),
            complaint: said,
        });
        if let Some((_, others, says)) = culprit {
            (left, complaint) = (others, says);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blames among `things`; one complains with its name if `needs` is not
    /// among the others.
    fn blamed(things: &[(&str, &str)], of_itself: Option<&str>) -> Vec<(Option<usize>, String)> {
        let complain = |left: &[usize]| {
            let is_there = |name: &str| left.iter().any(|it| things[*it].0 == name);
            let wrong = left.iter().find(|it| !is_there(things[**it].1));
            let wrong = wrong.map(|it| things[*it].0.into());
            wrong.or(of_itself.map(String::from))
        };
        let all: Vec<usize> = (0..things.len()).collect();
        let Some(complaint) = complain(&all) else {
            return Vec::new();
        };
        let blames = blame(things.len(), complaint, complain).into_iter();
        blames.map(|it| (it.culprit, it.complaint)).collect()
    }

    #[test]
    fn each_culprit_is_found() {
        let things = [("a", "a"), ("bad", "x"), ("b", "a"), ("worse", "y")];
        let expected = [(Some(1), "bad".into()), (Some(3), "worse".into())];
        assert_eq!(blamed(&things, None), expected);
        assert_eq!(blamed(&things[..1], None), []);
    }

    #[test]
    fn without_a_culprit_the_complaint_is_about_something_else() {
        let expected = [(None, "itself".into())];
        assert_eq!(blamed(&[("a", "a"), ("b", "b")], Some("itself")), expected);
        let expected = [(Some(0), "bad".into()), (None, "itself".into())];
        assert_eq!(blamed(&[("bad", "x")], Some("itself")), expected);
    }
}
