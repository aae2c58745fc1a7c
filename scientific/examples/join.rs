fn main() {
    let a: Vec<String> = std::env::args().collect();
    let r = |i: usize| std::fs::read(&a[i]).unwrap();
    let t = std::time::Instant::now();
    let j = spm_scientific::Joined::new(&r(1), &r(2), &r(3)).unwrap();
    eprintln!("joined {:?}", t.elapsed());
    let c = j.component().unwrap();
    eprintln!("component {:?} {}", t.elapsed(), c.len());
    std::fs::write(&a[4], c).unwrap();
}
