//! Sorting by an order that can fail, or contradict itself (NaN): no panic, and equal values stay put.

use std::cmp::Ordering;

use super::meter::Outcome;

/// The items in order, by merging.
pub(super) fn sorted<T>(
    mut items: Vec<T>,
    order: &dyn Fn(&T, &T) -> Outcome<Ordering>,
) -> Outcome<Vec<T>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = sorted(items, order)?.into_iter();
    let right = sorted(right, order)?.into_iter();
    let (mut left, mut right) = (left.peekable(), right.peekable());
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let side = if order(a, b)? == Ordering::Greater { &mut right } else { &mut left };
        merged.extend(side.next());
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::sorted;

    #[test]
    fn equal_items_stay_put_and_no_order_is_too_odd() {
        let pairs = vec![(2, 'a'), (1, 'b'), (2, 'c'), (0, 'd'), (1, 'e')];
        let by_number = |a: &(i32, char), b: &(i32, char)| Ok(a.0.cmp(&b.0));
        let expected = vec![(0, 'd'), (1, 'b'), (1, 'e'), (2, 'a'), (2, 'c')];
        assert_eq!(sorted(pairs, &by_number).expect("it cannot fail"), expected);
        let odd = |_: &i32, _: &i32| Ok(Ordering::Greater);
        assert_eq!(sorted((0..100).collect(), &odd).expect("it cannot fail").len(), 100);
    }
}
