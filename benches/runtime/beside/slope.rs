//! How costs grow.

/// How steeply values grow with sizes, both on a logarithmic scale: the line with the least
/// squares.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 2 {
        return None;
    }
    let points: Vec<_> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let rise = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y));
    let run = points.iter().map(|(x, _)| (x - mean_x).powi(2));
    Some(rise.sum::<f64>() / run.sum::<f64>())
}
